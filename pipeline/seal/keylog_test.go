package seal

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

func TestASeedRemovedFromItsTopicIsGone(t *testing.T) {
	// Goal: an opener learns from the key topic that a seed is gone, also when only a marker is left, when retention
	// passed the place it had read to, and when the topic was made anew; new seeds are found each time. Method: let an
	// opener read, then do each of these to the log.
	for name, remove := range map[string]func(*memory){
		"marker left": func(log *memory) {
			_, _ = log.Append(context.Background(), []pipeline.Output{{Topic: "keys.20s", Headers: []pipeline.Header{{Key: pipeline.MarkerHeader}}}})
		},
		"all removed": func(*memory) {},
		"made anew":   func(log *memory) { log.anew("keys.20s") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, keeper := newMemory(), newKeeper(t)
				sealer, opener := newPair(log, keeper)
				if _, err := open(opener, mustSeal(t, sealer, "1"), "1"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(second)
				gone := mustSeal(t, sealer, "2")
				remove(log)
				if n := len(log.records("keys.20s")); n > 0 {
					log.trim("keys.20s", 2)
				}
				if _, err := open(opener, gone, "2"); !errors.Is(err, ErrGone) {
					t.Errorf("%v; want %v", err, ErrGone)
				}
				time.Sleep(second)
				if got, err := open(opener, mustSeal(t, sealer, "3"), "3"); err != nil || got != "hello 3" {
					t.Errorf("opened %q, %v", got, err)
				}
			})
		})
	}
}

func TestAFailureOfTheWorldIsNotGone(t *testing.T) {
	// Goal: with the log or the keeper down nothing is called gone, and it opens once they are back. Method: break one,
	// open, mend it, open.
	for name, set := range map[string]func(*memory, *counting, error){
		"keeper": func(_ *memory, k *counting, err error) { k.setDown(err) },
		"log":    func(m *memory, _ *counting, err error) { m.setDown(err) },
	} {
		t.Run(name, func(t *testing.T) {
			log, keeper := newMemory(), newKeeper(t)
			sealer, opener := newPair(log, keeper)
			sealed := mustSeal(t, sealer, "1")
			set(log, keeper, errDown)
			if _, err := open(opener, sealed, "1"); !errors.Is(err, errDown) {
				t.Fatalf("%v; want %v", err, errDown)
			}
			set(log, keeper, nil)
			if got, err := open(opener, sealed, "1"); err != nil || got != "hello 1" {
				t.Errorf("opened %q, %v", got, err)
			}
		})
	}
}

func TestASilentLogIsNotGone(t *testing.T) {
	// Goal: an end that is not reached in time is the world's fault. Method: a source that knows of records and gives
	// none; and a caller that gives up first.
	synctest.Test(t, func(t *testing.T) {
		log, keeper := newMemory(), newKeeper(t)
		sealer, _ := newPair(log, keeper)
		sealed := mustSeal(t, sealer, "1")
		opener := NewOpener(OpenerConfig{Keeper: keeper, Tail: func(string, int64) pipeline.Source { return silent{&source{log: log, name: "keys.20s"}} }})
		if _, err := open(opener, sealed, "1"); !errors.Is(err, errReadBound) {
			t.Errorf("%v; want %v", err, errReadBound)
		}
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		if _, err := opener.Open(ctx, sealed, "acme", "1", Transit); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v; want the caller's own end", err)
		}
	})
}

type silent struct{ *source }

func (silent) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestASeedOfALaterVersionIsNotGone(t *testing.T) {
	// Goal: a key topic record this version cannot read blocks its own values only. Method: plant such records.
	log, keeper := newMemory(), newKeeper(t)
	sealer, opener := newPair(log, keeper)
	unread := schemas.Sealed{Version: version, Family: "20s", SeedID: []byte("0123456789abcdef"), Nonce: make([]byte, nonceBytes), Ciphertext: make([]byte, tagBytes)}
	value, err := schemas.Seeds.Encode(&schemas.Seed{SeedID: unread.SeedID, Version: 2, FirstUseAt: time.Now(), Wrapped: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []pipeline.Output{{Key: unread.SeedID, Value: value}, {Key: []byte("short"), Value: value}, {Key: []byte("fedcba9876543210"), Value: []byte("x")}} {
		o.Topic = "keys.20s"
		if _, err := log.Append(t.Context(), []pipeline.Output{o}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open(opener, unread, "1"); !errors.Is(err, errSeedRecord) {
		t.Errorf("%v; want %v", err, errSeedRecord)
	}
	if got, err := open(opener, mustSeal(t, sealer, "2"), "2"); err != nil || got != "hello 2" {
		t.Errorf("opened %q, %v", got, err)
	}
}
