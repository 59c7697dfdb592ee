package seal

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

func mustSeal(t testing.TB, s *Sealer, message string) schemas.Sealed {
	t.Helper()
	sealed, _, err := sealOne(s, message)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func open(o *Opener, sealed schemas.Sealed, message string) (string, error) {
	plain, err := o.Open(context.Background(), sealed, "acme", message, Transit)
	return string(plain), err
}

// held is how many seeds an opener has in memory, opened or not.
func held(o *Opener) int {
	o.seeds.mu.Lock()
	defer o.seeds.mu.Unlock()
	return max(len(o.seeds.entries), o.seeds.opened.Len())
}

func TestWhatIsSealedOpensForItselfOnly(t *testing.T) {
	// Goal: any content opens for its tenant, message and purpose, and for no other. Method: random values and names.
	log, keeper := newMemory(), newKeeper(t)
	sealer, opener := newPair(log, keeper)
	purposes := rapid.SampledFrom([]Purpose{Transit, Diagnostic, RejectedInput, Held})
	name := rapid.StringMatching(`[a-c]{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		type named struct {
			tenant, message string
			purpose         Purpose
		}
		draw := func(label string) named {
			return named{name.Draw(t, label+" tenant"), name.Draw(t, label+" message"), purposes.Draw(t, label+" purpose")}
		}
		content := rapid.SliceOf(rapid.Byte()).Draw(t, "content")
		by, with := draw("sealed"), draw("opened")
		sealed, _, err := sealer.Seal(context.Background(), time.Hour, by.tenant, by.message, by.purpose, content)
		if err != nil {
			t.Fatal(err)
		}
		got, err := opener.Open(context.Background(), sealed, with.tenant, with.message, with.purpose)
		if by == with && (err != nil || string(got) != string(content)) {
			t.Fatalf("own value did not open: %v", err)
		}
		if by != with && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%v opened as %v: %v", by, with, err)
		}
	})
}

func TestADamagedValueIsTheRecordsFault(t *testing.T) {
	// Goal: a flipped bit anywhere, or a part of a wrong length, gives ErrCorrupt; a later version is not the record's
	// fault. Method: damage each part.
	sealer, opener := newPair(newMemory(), newKeeper(t))
	for name, c := range map[string]struct {
		damage func(*schemas.Sealed)
		want   error
	}{
		"nonce":      {func(s *schemas.Sealed) { s.Nonce = append([]byte{s.Nonce[0] ^ 1}, s.Nonce[1:]...) }, ErrCorrupt},
		"ciphertext": {func(s *schemas.Sealed) { s.Ciphertext = append([]byte{s.Ciphertext[0] ^ 1}, s.Ciphertext[1:]...) }, ErrCorrupt},
		"short":      {func(s *schemas.Sealed) { s.Ciphertext = s.Ciphertext[:15] }, ErrCorrupt},
		"no nonce":   {func(s *schemas.Sealed) { s.Nonce = nil }, ErrCorrupt},
		"seed id":    {func(s *schemas.Sealed) { s.SeedID = s.SeedID[:15] }, ErrCorrupt},
		"family":     {func(s *schemas.Sealed) { s.Family = "for ever" }, ErrCorrupt},
		"no window":  {func(s *schemas.Sealed) { s.Family = "0s" }, ErrCorrupt},
		"version":    {func(s *schemas.Sealed) { s.Version = 2 }, ErrVersion},
		"other seed": {func(s *schemas.Sealed) { s.SeedID = make([]byte, seedIDBytes) }, ErrGone},
		"other keys": {func(s *schemas.Sealed) { s.Family = "24h" }, ErrGone},
	} {
		sealed := mustSeal(t, sealer, "1")
		c.damage(&sealed)
		if _, err := open(opener, sealed, "1"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", name, err, c.want)
		}
	}
}

func TestSealedValuesAreFrozen(t *testing.T) {
	// Goal: what version 1 sealed, every later version opens. Method: a value and a root in the file.
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := &seed{nodes: new(nodes), tree: newTree(rootOf(unhex("000102030405060708090a0b0c0d0e0f")))}
	key, err := s.key("acme", "01JDKX5V8Z3N9T2QY7W4R6M1PB")
	if err != nil {
		t.Fatal(err)
	}
	data := additional("acme", "01JDKX5V8Z3N9T2QY7W4R6M1PB", Transit)
	const wantData = "010000000461636d650000001a30314a444b583556385a334e395432515937573452364d315042000000077472616e736974"
	if got := hex.EncodeToString(data); got != wantData {
		t.Errorf("additional data %s; want %s", got, wantData)
	}
	sealed := schemas.Sealed{Nonce: unhex("0102030405060708090a0b0c"), Ciphertext: unhex(frozenCiphertext)}
	if got, err := decrypt(&key, data, sealed); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v; made now: %x", got, err, newGCM(&key).Seal(nil, sealed.Nonce, []byte("hello"), data))
	}
}

const frozenCiphertext = "db6f08e3a354ad2a9cfdef86f068c5570faae2e984"

func TestNothingOpensAfterItsWindow(t *testing.T) {
	// Goal: a value opens until append time + window + one bucket and not an instant longer, whether the seed is open,
	// only indexed or never seen; an idle process holds nothing of it either. Method: the fake clock, with the key topic
	// still holding the seed.
	synctest.Test(t, func(t *testing.T) {
		log, keeper := newMemory(), newKeeper(t)
		sealer, warm := newPair(log, keeper)
		_, fresh := newPair(log, keeper)
		sealed := mustSeal(t, sealer, "1")
		if _, err := open(warm, sealed, "1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(KeyRetention(testWindow, second) - 1)
		if got, err := open(warm, sealed, "1"); err != nil || got != "hello 1" {
			t.Errorf("within the window: %q, %v", got, err)
		}
		time.Sleep(time.Nanosecond)
		for name, o := range map[string]*Opener{"warm": warm, "fresh": fresh} {
			if _, err := open(o, sealed, "1"); !errors.Is(err, ErrGone) {
				t.Errorf("%s: %v; want %v", name, err, ErrGone)
			}
		}
		synctest.Wait()
		if held(warm)+held(fresh) != 0 {
			t.Error("an expired seed is still held")
		}
	})
}

func TestIdleProcessesForgetByThemselves(t *testing.T) {
	// Goal: seeds leave memory on time with nobody asking, whatever the order of their ends. Method: seeds of a long and a
	// short window, then only the clock.
	synctest.Test(t, func(t *testing.T) {
		sealer, opener := newPair(newMemory(), newKeeper(t))
		for _, window := range []time.Duration{time.Hour, testWindow} {
			sealed, _, err := sealer.Seal(t.Context(), window, "acme", "1", Transit, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := open(opener, sealed, "1"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(KeyRetention(testWindow, second))
		synctest.Wait()
		if got := held(opener); got != 1 {
			t.Errorf("%d seeds held after the short window; want 1", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := held(opener); got != 0 {
			t.Errorf("%d seeds held after the long window", got)
		}
	})
}

func TestAnExpiredSeedIsRefusedBeforeItIsSwept(t *testing.T) {
	// Goal: the refusal hangs on the clock, not on the timer that empties memory. Method: a clock that jumps to the end
	// of the window while the timer still waits for it.
	var ahead atomic.Int64
	start := time.Now()
	log, keeper := newMemory(), newKeeper(t)
	log.now = func() time.Time { return start }
	sealer, _ := newPair(log, keeper)
	opener := NewOpener(OpenerConfig{Tail: log.tail, Keeper: keeper, ShortestBucket: second, Now: func() time.Time {
		return start.Add(time.Duration(ahead.Load()))
	}})
	sealed, _, err := sealer.Seal(t.Context(), time.Hour, "acme", "1", Transit, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, KeyRetention(time.Hour, second) - 1} {
		ahead.Store(int64(after))
		if _, err := open(opener, sealed, "1"); err != nil {
			t.Errorf("after %v: %v", after, err)
		}
	}
	ahead.Store(int64(KeyRetention(time.Hour, second)))
	if _, err := open(opener, sealed, "1"); !errors.Is(err, ErrGone) || held(opener) != 0 {
		t.Errorf("after the window: %v, %d seeds held", err, held(opener))
	}
}

func TestOwnSeedsNeedNoKeeper(t *testing.T) {
	// Goal: a process opens what it sealed itself without key topic and keeper. Method: break both after sealing.
	log, keeper := newMemory(), newKeeper(t)
	opener := NewOpener(OpenerConfig{Tail: log.tail, Keeper: keeper})
	sealer := NewSealer(SealerConfig{Log: log, Keeper: keeper, Opener: opener})
	sealed := mustSeal(t, sealer, "1")
	log.setDown(errDown)
	keeper.setDown(errDown)
	if got, err := open(opener, sealed, "1"); err != nil || got != "hello 1" {
		t.Errorf("opened %q, %v", got, err)
	}
}

func TestAnErasedMessageDoesNotOpen(t *testing.T) {
	// Goal: a punctured seed in the key topic opens the others only. Method: write a punctured seed by hand.
	log, keeper := newMemory(), newKeeper(t)
	_, opener := newPair(log, keeper)
	s := newSeed("20s", new(nodes))
	seal := func(message string) schemas.Sealed {
		key, err := s.key("acme", message)
		if err != nil {
			t.Fatal(err)
		}
		nonce, ciphertext := encrypt(&key, additional("acme", message, Transit), []byte("hello "+message))
		return schemas.Sealed{Version: version, Family: "20s", SeedID: s.id[:], Nonce: nonce, Ciphertext: ciphertext}
	}
	one, two := seal("1"), seal("2")
	punctured := &seed{id: s.id, family: s.family, nodes: new(nodes), tree: s.tree.PunctureMessage("acme", "1")}
	record, err := punctured.wrap(t.Context(), keeper, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	value, err := schemas.Seeds.Encode(&record)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), []pipeline.Output{{Topic: "keys.20s", Key: s.id[:], Value: value}}); err != nil {
		t.Fatal(err)
	}
	if _, err := open(opener, one, "1"); !errors.Is(err, ErrErased) {
		t.Errorf("the erased message: %v; want %v", err, ErrErased)
	}
	if got, err := open(opener, two, "2"); err != nil || got != "hello 2" {
		t.Errorf("the other message: %q, %v", got, err)
	}
}

func TestOpenSeedsAreBounded(t *testing.T) {
	// Goal: the number of opened seeds has a bound and an evicted one opens again. Method: more seeds than the bound.
	log, keeper := newMemory(), newKeeper(t)
	_, opener := newPair(log, keeper)
	var first schemas.Sealed
	for i := range openedSeeds + 10 {
		sealer, _ := newPair(log, keeper)
		sealed := mustSeal(t, sealer, strconv.Itoa(i))
		if i == 0 {
			first = sealed
		}
		if _, err := open(opener, sealed, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := opener.seeds.opened.Len(); got != openedSeeds {
		t.Errorf("%d seeds open; want %d", got, openedSeeds)
	}
	_, before := keeper.calls()
	if got, err := open(opener, first, "0"); err != nil || got != "hello 0" {
		t.Errorf("the evicted seed: %q, %v", got, err)
	}
	if _, after := keeper.calls(); after != before+1 {
		t.Error("the first seed was not evicted")
	}
}

// clearOf says whether no byte of a node is left in a seed and among what its owner keeps.
func clearOf(s *seed) bool {
	s.nodes.mu.RLock()
	defer s.nodes.mu.RUnlock()
	for _, n := range s.tree.nodes {
		if n.key != ([nodeBytes]byte{}) {
			return false
		}
	}
	for i := range s.nodes.slots {
		if slot := &s.nodes.slots[i]; slot.seed == s.id || (slot.key != [nodeBytes]byte{}) != slot.used {
			return false
		}
	}
	return s.wiped
}

func TestWhatIsLetGoOfIsZeroed(t *testing.T) {
	// Goal: no key stays in memory when its seed's bucket or window is over, or when it gives way to others, and a seed of
	// two owners outlives the end of one. Method: keep hold of seeds, let the clock pass, look at their bytes.
	synctest.Test(t, func(t *testing.T) {
		log, keeper := newMemory(), newKeeper(t)
		opener := NewOpener(OpenerConfig{Tail: log.tail, Keeper: keeper, ShortestBucket: second})
		sealer := NewSealer(SealerConfig{Log: log, Keeper: keeper, ShortestBucket: second, Opener: opener})
		sealed := mustSeal(t, sealer, "1")
		if _, err := open(opener, sealed, "1"); err != nil {
			t.Fatal(err)
		}
		own := sealer.usable(testWindow).seed
		_, opened, _ := opener.seeds.get(seedKey{"20s", own.id})
		if clearOf(own) || clearOf(opened) {
			t.Fatal("the test sees no keys where there are some")
		}
		time.Sleep(second)
		synctest.Wait()
		if !clearOf(own) {
			t.Error("the sealer's seed is left after its bucket")
		}
		if got, err := open(opener, sealed, "1"); err != nil || got != "hello 1" {
			t.Errorf("the opener's seed went with the sealer's: %q, %v", got, err)
		}
		time.Sleep(testWindow)
		synctest.Wait()
		if !clearOf(opened) {
			t.Error("the opener's seed is left after its window")
		}
	})
}

func TestASeedIsWipedUnderItsUsers(t *testing.T) {
	// Goal: whoever meets a wiped seed opens it again or learns that it is gone; nobody gets a key of zeros. Method: many
	// open while others drive seeds out, under -race.
	log, keeper := newMemory(), newKeeper(t)
	sealer, opener := newPair(log, keeper)
	sealed, _, err := sealer.Seal(t.Context(), time.Hour, "acme", "1", Transit, []byte("hello 1"))
	if err != nil {
		t.Fatal(err)
	}
	key := seedKey{"1h", seedID(sealed.SeedID)}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				if got, err := open(opener, sealed, "1"); err != nil || got != "hello 1" {
					t.Errorf("opened %q, %v", got, err)
					return
				}
				opener.seeds.mu.Lock()
				if e := opener.seeds.entries[key]; e != nil {
					opener.seeds.close(e)
				}
				opener.seeds.mu.Unlock()
			}
		})
	}
	group.Wait()
}

func TestAnOpenersMemoryIsBounded(t *testing.T) {
	// Goal: tenants do not grow what is kept, and one that lost its slot to another has the same keys. Method: more tenants
	// than slots, twice.
	s := newSeed("24h", new(nodes))
	for range 2 {
		for i := range nodeSlots + 1000 {
			tenant := "tenant-" + strconv.Itoa(i)
			got, err := s.key(tenant, "1")
			want, _ := s.tree.key(messagePath(tenantPath(tenant), "1"))
			if err != nil || got != want {
				t.Fatalf("%s: another key, %v", tenant, err)
			}
		}
	}
	if n := len(s.nodes.slots); n != nodeSlots {
		t.Errorf("%d slots", n)
	}
}
