package seal

import (
	"bytes"
	"context"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// BenchmarkSealOpen is what sealing and opening 500 bytes costs while seed and tenant are warm. Bound: 6 µs of a core
// together, collector included; cpu-ns/op is that, also where others use the machine.
func BenchmarkSealOpen(b *testing.B) {
	log, keeper := newMemory(), newKeeper(b)
	sealer, opener := newPair(log, keeper)
	sealer.config.ShortestBucket, opener.config.ShortestBucket = time.Hour, time.Hour
	plain := bytes.Repeat([]byte("x"), 500)
	ctx := context.Background()
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	before := cpu()
	for i := 0; b.Loop(); i++ {
		message := "01JDKX5V8Z3N9T2QY7W4R6M" + strconv.Itoa(100+i%900)
		sealed, _, err := sealer.Seal(ctx, 24*time.Hour, "acme", message, Transit, plain)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := opener.Open(ctx, sealed, "acme", message, Transit); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

// cpu is the processor time this process has taken.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkKey is the derivation of a message key, below a cached tenant and from the root. Bound: 2 µs warm.
func BenchmarkKey(b *testing.B) {
	b.Run("warm", func(b *testing.B) {
		s := newSeed("24h", new(nodes))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.key("acme", "01JDKX5V8Z3N9T2QY7W4R6M1PB")
		}
	})
	b.Run("cold", func(b *testing.B) {
		s := newSeed("24h", new(nodes))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = s.tree.key(messagePath(tenantPath("acme"), "01JDKX5V8Z3N9T2QY7W4R6M1PB"))
		}
	})
}

// BenchmarkRef is one ref of a tenant whose key is unwrapped. Bound: 1 µs.
func BenchmarkRef(b *testing.B) {
	keeper := newKeeper(b)
	ctx := context.Background()
	wrapped, err := NewRefsKey(ctx, keeper)
	if err != nil {
		b.Fatal(err)
	}
	refs := NewRefs(keeper, func(string) ([]byte, bool) { return wrapped, true })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := refs.Ref(ctx, "acme", RefPhone, "+4915112345678"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory is what an opener holds once it has opened what a day of sealers sealed for many tenants: every seed of
// its key topic known, as many open as may be, every slot taken. It does not grow with messages. Bound: 8 MiB.
func BenchmarkMemory(b *testing.B) {
	const sealers, buckets, tenants = 12, 290, 64 // buckets of a whole window, and the two at its ends
	for b.Loop() {
		keeper := newKeeper(b)
		log := newMemory()
		messages := make([]schemas.Sealed, 0, sealers*buckets)
		for range sealers * buckets {
			sealer := NewSealer(SealerConfig{Log: log, Keeper: keeper})
			sealed, _, err := sealer.Seal(b.Context(), 24*time.Hour, "acme", "1", Transit, nil)
			if err != nil {
				b.Fatal(err)
			}
			messages = append(messages, sealed)
		}
		before := heap()
		opener := NewOpener(OpenerConfig{Tail: log.tail, Keeper: keeper})
		for _, sealed := range messages {
			if _, err := opener.Open(b.Context(), sealed, "acme", "1", Transit); err != nil {
				b.Fatal(err)
			}
			for i := range tenants {
				name := seedKey{sealed.Family, seedID(sealed.SeedID)}
				if _, err := opener.key(b.Context(), name, strconv.Itoa(i), "1"); err != nil {
					b.Fatal(err)
				}
			}
		}
		held := float64(heap()-before) / (1 << 20)
		b.ReportMetric(held, "MiB-held")
		if held > 8 {
			b.Errorf("%.1f MiB held", held)
		}
		runtime.KeepAlive(opener)
		runtime.KeepAlive(messages)
	}
}

// heap is what is alive in memory.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
