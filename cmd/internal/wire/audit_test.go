package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// broken returns the offset of the first record whose binding does not hold over the values before it, -1 for none.
func broken(t testing.TB, values [][]byte) int64 {
	t.Helper()
	chains := [][sha256.Size]byte{{}} // by the number of values they run over
	for offset, value := range values {
		r, err := schemas.AuditRecords.Decode(value)
		if err != nil {
			return int64(offset)
		}
		if r.ReadTo > int64(offset) || !bytes.Equal(r.ReadHash, chains[r.ReadTo][:]) {
			return int64(offset)
		}
		chains = append(chains, Chain(chains[offset], value))
	}
	return -1
}

func values(records []pipeline.Record) [][]byte {
	var all [][]byte
	for _, r := range records {
		all = append(all, r.Value)
	}
	return all
}

// Goal: many writers need no lock and all of the log is bound. Method: three auditors append at once, then one more;
// the last binds every record before it.
func TestAuditBindsWhatItsWriterHadReadWithManyWriters(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	ctx := within(t)
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			auditor := NewAuditor(d.cluster)
			for i := range 4 {
				if err := auditor.Append(ctx, schemas.AuditRecord{AuditID: fmt.Sprint(w, i), Action: "test", At: time.Now()}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if err := NewAuditor(d.cluster).Append(ctx, schemas.AuditRecord{AuditID: "last", Action: "test", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	log := values(d.read(AuditT))
	if len(log) != 13 {
		t.Fatalf("%d records, want 13", len(log))
	}
	if at := broken(t, log); at >= 0 {
		t.Errorf("the binding of %d does not hold", at)
	}
	last, err := schemas.AuditRecords.Decode(log[12])
	if err != nil || last.ReadTo != 12 {
		t.Errorf("the last record binds %d records, want 12 (%v)", last.ReadTo, err)
	}
}

// Goal: a changed, dropped or swapped record shows. Method: one writer's log of six, each kind of damage.
func TestAuditDamageBreaksTheBindingOfALaterRecord(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	auditor := NewAuditor(d.cluster)
	for i := range 6 {
		if err := auditor.Append(within(t), schemas.AuditRecord{AuditID: fmt.Sprint(i), Action: "test", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	log := values(d.read(AuditT))
	if at := broken(t, log); at >= 0 {
		t.Fatalf("an intact log is broken at %d", at)
	}
	record, err := schemas.AuditRecords.Decode(log[2])
	if err != nil {
		t.Fatal(err)
	}
	record.Actor = "somebody-else"
	forged := encode(t, schemas.AuditRecords, record)
	for damage, damaged := range map[string]struct {
		log [][]byte
		at  int64
	}{
		"changed": {[][]byte{log[0], log[1], forged, log[3], log[4], log[5]}, 3},
		"dropped": {[][]byte{log[0], log[1], log[3], log[4], log[5]}, 2},
		"swapped": {[][]byte{log[0], log[1], log[3], log[2], log[4], log[5]}, 2},
	} {
		if at := broken(t, damaged.log); at != damaged.at {
			t.Errorf("%s: broken at %d, want %d", damage, at, damaged.at)
		}
	}
}

// Goal: what is not audited must not happen: Append says so, and heals. Method: an append that fails, then one that does not.
func TestAuditFailureIsAnErrorAndLeavesTheChainWhole(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	auditor := NewAuditor(d.cluster)
	down := &switchLog{Log: d.cluster.Log()}
	auditor.log = down
	add := func(id string) error {
		return auditor.Append(within(t), schemas.AuditRecord{AuditID: id, Action: "test", At: time.Now()})
	}
	if err := add("first"); err != nil {
		t.Fatal(err)
	}
	down.fail(true)
	if add("second") == nil {
		t.Error("a record that no broker has was reported as appended")
	}
	down.fail(false)
	if err := add("third"); err != nil {
		t.Fatal(err)
	}
	if log := values(d.read(AuditT)); len(log) != 2 || broken(t, log) >= 0 {
		t.Errorf("%d records, broken at %d", len(log), broken(t, log))
	}
}

// switchLog is a log that can be made to fail.
type switchLog struct {
	pipeline.Log
	mu     sync.Mutex
	failed bool
}

func (s *switchLog) fail(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = on
}

func (s *switchLog) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed {
		return nil, errRegisters // any error of the world
	}
	return s.Log.Append(ctx, outputs)
}
