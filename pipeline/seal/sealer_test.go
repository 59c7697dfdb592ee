package seal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

const testWindow = 20 * second

func sealOne(s *Sealer, message string) (schemas.Sealed, schemas.SeedRef, error) {
	return s.Seal(context.Background(), testWindow, "acme", message, Transit, []byte("hello "+message))
}

func TestASeedIsAcknowledgedBeforeItSeals(t *testing.T) {
	// Goal: no sealed value exists whose seed the key topic does not hold. Method: hold the append back; Seal must not
	// return before, and what it returns must name the appended seed and the broker's time.
	synctest.Test(t, func(t *testing.T) {
		log, acknowledge := newMemory(), make(chan struct{})
		log.appending = func() { <-acknowledge }
		log.now = func() time.Time { return time.Now().Add(-time.Hour) } // a broker's clock of its own
		sealer, _ := newPair(log, newKeeper(t))
		sealed := make(chan schemas.SeedRef, 1)
		go func() {
			value, ref, err := sealOne(sealer, "1")
			if err != nil || string(value.SeedID) != string(ref.SeedID) {
				t.Errorf("sealed under %x, ref %x, error %v", value.SeedID, ref.SeedID, err)
			}
			sealed <- ref
		}()
		synctest.Wait()
		select {
		case <-sealed:
			t.Fatal("sealed before the seed was acknowledged")
		default:
		}
		close(acknowledge)
		ref := <-sealed
		records := log.records("keys.20s")
		if len(records) != 1 || string(records[0].Key) != string(ref.SeedID) || ref.Topic != "keys.20s" || !ref.AppendedAt.Equal(records[0].AppendedAt) {
			t.Errorf("ref %s %x of %v does not name the one of %d records", ref.Topic, ref.SeedID, ref.AppendedAt, len(records))
		}
	})
}

func TestASeedServesOneBucket(t *testing.T) {
	// Goal: a bucket is counted from before the append, has one seed and one produce. Method: the append takes 300 ms of
	// the bucket's second; seal at its edges by the fake clock.
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		log.appending = func() { time.Sleep(300 * time.Millisecond) }
		sealer, _ := newPair(log, newKeeper(t))
		seedAt := func() string {
			value, _, err := sealOne(sealer, "1")
			if err != nil {
				t.Fatal(err)
			}
			return string(value.SeedID)
		}
		first := seedAt() // now 300 ms into the bucket
		time.Sleep(700*time.Millisecond - 1)
		if seedAt() != first {
			t.Error("a new seed before the bucket was over")
		}
		time.Sleep(time.Nanosecond)
		if seedAt() == first {
			t.Error("the seed was used after its bucket")
		}
		if log.appends != 2 || len(log.records("keys.20s")) != 2 {
			t.Errorf("%d produces for two buckets", log.appends)
		}
	})
}

func TestAnIdleSealerForgetsItsSeed(t *testing.T) {
	// Goal: a process that seals no more holds no root of a tree past the bucket. Method: wait a bucket, look inside.
	synctest.Test(t, func(t *testing.T) {
		sealer, _ := newPair(newMemory(), newKeeper(t))
		if _, _, err := sealOne(sealer, "1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(second)
		synctest.Wait()
		sealer.mu.Lock()
		defer sealer.mu.Unlock()
		if n := len(sealer.current); n != 0 {
			t.Errorf("%d seeds held", n)
		}
	})
}

func TestALateAcknowledgementIsNotUsed(t *testing.T) {
	// Goal: a seed whose bucket ended while it was appended seals nothing. Method: an append longer than the bucket.
	synctest.Test(t, func(t *testing.T) {
		log := newMemory()
		log.appending = func() { time.Sleep(second) }
		sealer, _ := newPair(log, newKeeper(t))
		if _, _, err := sealOne(sealer, "1"); !errors.Is(err, errLateSeed) {
			t.Errorf("error %v; want %v", err, errLateSeed)
		}
	})
}

func TestAFailureOfTheWorldHeals(t *testing.T) {
	// Goal: keeper or log down is an error, never a rejection, and the next try succeeds under a seed that never failed.
	// Method: break one, seal, mend it, seal.
	for name, set := range map[string]func(*memory, *counting, error){
		"keeper": func(_ *memory, k *counting, err error) { k.setDown(err) },
		"log":    func(m *memory, _ *counting, err error) { m.setDown(err) },
	} {
		t.Run(name, func(t *testing.T) {
			log, keeper := newMemory(), newKeeper(t)
			sealer, opener := newPair(log, keeper)
			set(log, keeper, errDown)
			_, _, err := sealOne(sealer, "1")
			if _, rejected := pipeline.AsRejection(err); !errors.Is(err, errDown) || rejected {
				t.Fatalf("error %v; want %v", err, errDown)
			}
			set(log, keeper, nil)
			sealed, _, err := sealOne(sealer, "1")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := opener.Open(t.Context(), sealed, "acme", "1", Transit); err != nil || string(got) != "hello 1" {
				t.Errorf("opened %q, %v", got, err)
			}
		})
	}
}

func TestManyWhoSealShareOneRenewal(t *testing.T) {
	// Goal: a bucket's turn costs one wrap and one append however many wait, and one caller's end does not fail the
	// others. Method: 50 callers wait for a held append; the first has given up by then.
	synctest.Test(t, func(t *testing.T) {
		log, keeper, acknowledge := newMemory(), newKeeper(t), make(chan struct{})
		log.appending = func() { <-acknowledge }
		sealer, _ := newPair(log, keeper)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, _, err := sealer.Seal(ctx, testWindow, "acme", "0", Transit, nil)
			first <- err
		}()
		synctest.Wait()
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if _, _, err := sealOne(sealer, "1"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that gave up got %v", err)
		}
		close(acknowledge)
		group.Wait()
		if wraps, _ := keeper.calls(); wraps != 1 || log.appends != 1 {
			t.Errorf("%d wraps and %d appends; want one each", wraps, log.appends)
		}
	})
}

func TestTwoSealersNeverShareASeed(t *testing.T) {
	// Goal: seeds belong to one sealer, one window, one bucket. Method: two sealers, two windows, on one log.
	log, keeper := newMemory(), newKeeper(t)
	seen := make(map[string]bool)
	for range 2 {
		sealer, _ := newPair(log, keeper)
		for _, window := range []time.Duration{testWindow, time.Hour} {
			_, ref, err := sealer.Seal(t.Context(), window, "acme", "1", Transit, nil)
			if err != nil {
				t.Fatal(err)
			}
			seen[string(ref.SeedID)] = true
		}
	}
	if len(seen) != 4 || len(log.records("keys.20s")) != 2 || len(log.records("keys.1h")) != 2 {
		t.Errorf("%d seeds; want 4, two in each key topic", len(seen))
	}
}

func TestNothingIsSealedForNoWindow(t *testing.T) {
	// Goal: a window without a name, or of zero, is an error before anything is appended. Method: try some.
	log := newMemory()
	sealer, _ := newPair(log, newKeeper(t))
	for _, window := range []time.Duration{0, -second, second / 2} {
		if _, _, err := sealer.Seal(t.Context(), window, "acme", "1", Transit, nil); err == nil {
			t.Errorf("window %v was sealed for", window)
		}
	}
	if log.appends != 0 {
		t.Errorf("%d appends", log.appends)
	}
}
