package seal

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"
)

// BenchmarkSealOpen is what sealing and opening 500 bytes costs while seed and tenant are warm. Bound: 6 µs together.
func BenchmarkSealOpen(b *testing.B) {
	log, keeper := newMemory(), newKeeper(b)
	sealer, opener := newPair(log, keeper)
	sealer.config.ShortestBucket, opener.config.ShortestBucket = time.Hour, time.Hour
	plain := bytes.Repeat([]byte("x"), 500)
	ctx := context.Background()
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
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
