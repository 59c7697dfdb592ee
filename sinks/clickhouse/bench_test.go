package clickhouse

import (
	"syscall"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// BenchmarkEvents measures the way of prepared events through the target into the engine, in batches of 50,000 as record
// makes them at full load. The figure is the CPU an event of client and engine together, as both run in this process. The
// floor is 50,000 events/s.
func BenchmarkEvents(b *testing.B) {
	db := open(b)
	const size = 50_000
	batch := make([]schemas.Event, 0, size)
	for n := 0; len(batch) < size; n++ { // five events a message, of which 10,000 are accepted in 10 s
		for i, k := range []schemas.Kind{schemas.KindAccepted, schemas.KindRouted, schemas.KindClaimed, schemas.KindSent, schemas.KindDelivered} {
			batch = append(batch, tell(n, k, time.Duration(i)*time.Second))
		}
	}
	target := Events(db)
	var wall, cpu time.Duration
	offset := int64(0)
	for b.Loop() {
		for i := range batch { // another batch of other messages
			batch[i].MessageID = id(int(offset) + i/5)
			batch[i].AcceptedAt = batch[i].AcceptedAt.Add(time.Second)
			batch[i].At = batch[i].At.Add(time.Second)
		}
		start, used := time.Now(), cpuTime(b)
		if err := target.Write(b.Context(), span(offset, offset+size), batch); err != nil {
			b.Fatal(err)
		}
		wall, cpu = wall+time.Since(start), cpu+cpuTime(b)-used
		offset += size
	}
	events := float64(b.N * size)
	b.ReportMetric(events/wall.Seconds(), "events/s")
	b.ReportMetric(cpu.Seconds()*1e6/events, "cpu-µs/event")
	b.ReportMetric(0, "ns/op")
	rows, err := db.Query(b.Context(), "SELECT round(sum(bytes_on_disk) / sum(rows), 1) FROM system.parts WHERE database = currentDatabase() AND table = 'events' AND active")
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("bytes a row on disk: %s", rows.Values[0][0])
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
