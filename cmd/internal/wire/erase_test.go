package wire

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

// seed appends a seed to the key topic of 3 s, whose bytes a scan of files finds.
func (d *deployment) seed(id string) schemas.SeedRef {
	d.t.Helper()
	at := d.put("keys.3s", []byte(id), encode(d.t, schemas.Seeds, schemas.Seed{SeedID: []byte(id), Version: 1, FirstUseAt: time.Now(), Wrapped: []byte("wrapped " + id)}))
	return schemas.SeedRef{Topic: at.Topic, SeedID: []byte(id), AppendedAt: at.At}
}

// inFiles says whether bytes lie in a file below dir.
func inFiles(t *testing.T, dir, planted string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // the broker removes files while we walk
		}
		raw, _ := os.ReadFile(path)
		found = found || bytes.Contains(raw, []byte(planted))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// states returns what receipts tell of the bucket of a due time, in the order told.
func (d *deployment) states(due time.Time) (states []string) {
	d.t.Helper()
	for _, r := range decodeAll(d, ReceiptsT, schemas.Receipts) {
		if r.Bucket.Equal(due.Truncate(time.Second)) {
			states = append(states, r.State)
		}
	}
	return states
}

// Goal: EXPIRED comes first, ERASED when no file of the broker holds the seed any more, also when redact died in between,
// and the lateness of the bytes is told. Method: a real broker; a copy under a seed of 3 s; redact dies once it has expired.
func TestErasedMeansGoneFromTheBrokersFiles(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, kafkatest.Options{CheckInterval: 500 * time.Millisecond})
	d := deployOn(t, broker.Brokers()[0])
	const id = "seed-of-a-copy-1"
	seed := d.seed(id)
	due := time.Now().Add(time.Second)
	d.put(DeliveredLane(testWindows[0]), nil, encode(t, schemas.Delivereds, copyDue(due, seed)))

	stop := d.start(binary[RedactConfig](d, "redact", Redact, "WL_KEYS_URL", "WL_REFS_URL").Run)
	eventually(t, "the copy expires", func() bool { return len(d.states(due)) > 0 })
	if states := d.states(due); states[0] != redact.Expired {
		t.Fatalf("told %v", states)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if !inFiles(t, filepath.Join(broker.DataDir(), "wa.keys.3s-0"), id) {
		t.Fatal("the scan does not find the seed while it is there")
	}
	p := d.process("redact")
	service, err := Redact(p, &RedactConfig{})
	if err != nil {
		t.Fatal(err)
	}
	d.start(service.Run)
	eventually(t, "the copy is erased", func() bool {
		states := d.states(due)
		return states[len(states)-1] == redact.Erased
	})
	if inFiles(t, filepath.Join(broker.DataDir(), "wa.keys.3s-0"), id) { // receipts and lanes name its id in clear
		t.Error("erased, and the key topic's files hold the seed")
	}
	if _, count, _ := metric(t, p, "wl_redaction_lateness_seconds", "physical"); count != 1 {
		t.Errorf("told %d times how late bytes went", count)
	}
	if n := testutil.CollectAndCount(p.Registry, "wl_redaction_late"); n != len(lateReasons) {
		t.Errorf("%d reasons of lateness are told of", n)
	}
}

// Goal: key topics are cut at their edge, no seed before its own time, and only by the broker's clock. Method: two seeds
// appended one after the other, cut as of between their times; then a topic whose times are the producer's.
func TestKeyTopicIsCutAtItsEdge(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	e := newRedactor(d.process("redact")).eraser
	first := d.seed("seed-of-the-first")
	eventually(t, "the clock moves on", func() bool { return time.Since(first.AppendedAt) > 10*time.Millisecond })
	second := d.seed("seed-of-the-other")
	lanes := []*lane{{redactor: e.redactor, partition: 0, window: testWindows[0], bucket: time.Second}}
	readable := func(now time.Time) int {
		t.Helper()
		e.trim(within(t), lanes, now)
		return len(d.read("keys.3s"))
	}
	for _, step := range []struct {
		now  time.Time
		want int
	}{{seedDue(&first), 2}, {seedDue(&second), 1}, {seedDue(&second).Add(time.Millisecond), 0}} {
		if n := readable(step.now); n != step.want {
			t.Errorf("as of %v %d seeds can be read, want %d", step.now, n, step.want)
		}
	}
	d.seed("seed-of-producer")
	if err := d.cluster.AlterConfigs(within(t), "keys.3s", map[string]string{"message.timestamp.type": "CreateTime"}); err != nil {
		t.Fatal(err)
	}
	if n := readable(time.Now().Add(time.Hour)); n != 1 {
		t.Errorf("%d seeds can be read where nobody knows when they came", n)
	}
	if e.late.noted[untrimmed] != 1 {
		t.Errorf("noted %v", e.late.noted)
	}
}

// Goal: what may outlive its promise raises the alarm, once, and ends it; what passes by itself does not. Method: an eraser
// whose seed's topic does not exist, looked at within the grace, after it, after the bound, and when nothing waits.
func TestLatenessRaisesTheAlarm(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	r := newRedactor(d.process("redact"))
	e := r.eraser
	e.late.grace = time.Second
	l := takeOver(t, r)
	age := time.Duration(0)
	l.unredacted = func() time.Duration { return age }
	due := time.Now().Truncate(time.Second)
	lost := schemas.SeedRef{Topic: "keys.9s", SeedID: []byte("seed-of-no-topic"), AppendedAt: due}
	l.ledger.Read(schemas.Receipt{State: redact.Expired, Lane: l.topic, Partition: 1, Bucket: due, Count: 1, Seeds: []schemas.SeedRef{lost}})
	look := func(now time.Time, want map[string]float64) {
		t.Helper()
		if err := e.look(within(t), []*lane{l}, now); err != nil {
			t.Fatal(err)
		}
		for _, reason := range lateReasons {
			if got := testutil.ToFloat64(e.late.gauge.WithLabelValues(reason)); got != want[reason] {
				t.Errorf("at %v %s is %v, want %v", now, reason, got, want[reason])
			}
		}
	}
	end := seedDue(&lost)
	look(end.Add(-time.Second), nil)
	look(end.Add(time.Second), nil)
	look(end.Add(2500*time.Millisecond), map[string]float64{unseen: 1})
	age = l.window + l.bucket + 3*trimEvery
	look(end.Add(time.Hour), map[string]float64{unseen: 1, lateBytes: 1, lateCopies: 1})
	age = 0
	l.ledger = redact.Ledger{}
	look(end.Add(2*time.Hour), nil)
	logs := string(d.logs.Bytes())
	if n := strings.Count(logs, `"level":"ERROR"`); n != 3 || strings.Count(logs, "any more") != 3 {
		t.Errorf("the alarm was raised %d times:\n%s", n, logs)
	}
}
