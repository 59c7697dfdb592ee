package clickhouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// open returns a client of a migrated database of the test's own: on the server that WL_TEST_CLICKHOUSE names (a URL with
// user and password), else on the embedded engine.
func open(t testing.TB) *DB {
	t.Helper()
	address := os.Getenv("WL_TEST_CLICKHOUSE")
	if address == "" {
		address = embedded.ForTest(t)
	} else {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal("WL_TEST_CLICKHOUSE is no URL")
		}
		u.Path = fmt.Sprintf("/test_%d", time.Now().UnixNano())
		address = u.String()
	}
	db, err := Open(Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if os.Getenv("WL_TEST_CLICKHOUSE") != "" {
			_ = db.exec(context.Background(), "drop", nil, "DROP DATABASE "+db.options.Auth.Database)
		}
		_ = db.Close()
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// noon of yesterday is when the tests' messages are accepted: a fixed date would some day be past its retention.
var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)

func span(first, next int64) pipeline.Span {
	return pipeline.Span{Topic: "events", Partition: 3, First: first, Next: next}
}

// id is a ULID of the n-th message.
func id(n int) string {
	const base32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := []byte("01KB0000000000000000000000")
	for i, r := 25, rand.New(rand.NewPCG(uint64(n), 1)).Uint64(); i > 12; i-- {
		b[i] = base32[r%32]
		r /= 32
	}
	return string(b)
}

// tell makes an event of the n-th message, after a time since it was accepted.
func tell(n int, kind schemas.Kind, after time.Duration) schemas.Event {
	ref := make([]byte, 16)
	binary.BigEndian.PutUint64(ref, uint64(n)+1)
	e := schemas.Event{
		Identity: schemas.Identity{TenantID: "acme", MessageID: id(n), AcceptedAt: noon.Add(time.Duration(n) * time.Millisecond)},
		Kind:     kind, Stage: "deliver", Country: "DE", Category: "utility", ContentType: "text", SizeClass: "256",
		RecipientRef: ref, Window: "72h", Labels: map[string]string{"campaign": "autumn"}, PolicyVersion: "2026-11",
	}
	e.At = e.AcceptedAt.Add(after)
	switch kind {
	case schemas.KindAccepted, schemas.KindRejected:
		e.Stage, e.Detail = "validate", fmt.Sprintf("requests/0/%d", n)
	case schemas.KindRouted:
		e.Stage = "route"
	case schemas.KindClaimed:
		e.Detail = fmt.Sprintf("%016x", n)
		fallthrough
	case schemas.KindSent, schemas.KindFailed:
		e.Attempt, e.SenderID, e.Region, e.Processor, e.TransferBasis = 1, "106540352242922", "eu", "meta", "same_region"
		e.LatencyUS = 42_000
	}
	return e
}

func write(t testing.TB, db *DB, s pipeline.Span, events ...schemas.Event) {
	t.Helper()
	if err := Events(db).Write(t.Context(), s, events); err != nil {
		t.Fatal(err)
	}
}

// ask returns the one value of an answer.
func ask(t testing.TB, db *DB, sql string, args ...any) string {
	t.Helper()
	rows, err := db.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(rows.Values) != 1 || len(rows.Values[0]) != 1 {
		t.Fatalf("%s: %d rows", sql, len(rows.Values))
	}
	return rows.Values[0][0]
}

func expect(t testing.TB, db *DB, want, sql string, args ...any) {
	t.Helper()
	if got := ask(t, db, sql, args...); got != want {
		t.Errorf("%s: got %s, want %s", sql, got, want)
	}
}
