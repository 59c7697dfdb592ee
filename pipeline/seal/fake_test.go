package seal

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/whatsapplink/cloud/pipeline"
)

func TestMain(m *testing.M) {
	const sweep = "github.com/whatsapplink/cloud/pipeline/seal.(*index).sweep" // its timer comes again and again where a test's clock stands
	goleak.VerifyTestMain(withVault{m}, goleak.IgnoreAnyFunction(sweep), goleak.IgnoreAnyFunction(sweep+"-fm"))
}

// withVault ends the Vault of the tests before goroutines are counted.
type withVault struct{ *testing.M }

func (m withVault) Run() int {
	defer func() {
		if vaultServer != nil {
			vaultServer.Close()
		}
	}()
	return m.M.Run()
}

const second = time.Second

// memory is a log of key topics in memory: one partition each, appended at now. It fails while down is set, and runs
// appending before an append takes place.
type memory struct {
	now       func() time.Time
	appending func()

	mu      sync.Mutex
	down    error
	appends int // calls of Append
	topics  map[string]*topic
}

type topic struct {
	records []pipeline.Record
	first   int64
	grown   chan struct{} // closed when records grows
}

var (
	errDown  = errors.New("broker is down")
	errRange = errors.New("offset out of range")
)

func newMemory() *memory { return &memory{now: time.Now, topics: make(map[string]*topic)} }

func (m *memory) topic(name string) *topic {
	if m.topics[name] == nil {
		m.topics[name] = &topic{grown: make(chan struct{})}
	}
	return m.topics[name]
}

func (m *memory) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	if m.appending != nil {
		m.appending()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.appends++
	if err := errors.Join(m.down, ctx.Err()); err != nil {
		return nil, err
	}
	now := m.now()
	var appended []pipeline.Appended
	for _, o := range outputs {
		t := m.topic(o.Topic)
		at := pipeline.Position{Topic: o.Topic, Offset: int64(len(t.records))}
		t.records = append(t.records, pipeline.Record{Position: at, Key: o.Key, Value: o.Value, Headers: o.Headers, AppendedAt: now})
		appended = append(appended, pipeline.Appended{Position: at, At: now})
		close(t.grown)
		t.grown = make(chan struct{})
	}
	return appended, nil
}

// anew deletes a topic and makes it again.
func (m *memory) anew(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.topics, name)
}

// trim removes all records before an offset.
func (m *memory) trim(name string, before int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topic(name).first = before
}

func (m *memory) setDown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

func (m *memory) records(name string) []pipeline.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]pipeline.Record(nil), m.topic(name).records...)
}

func (m *memory) tail(name string, from int64) pipeline.Source {
	return &source{log: m, name: name, next: from}
}

type source struct {
	log  *memory
	name string
	next int64
}

func (s *source) Topic() string                       { return s.name }
func (s *source) Partition() int                      { return 0 }
func (s *source) SeekTo(offset int64)                 { s.next = offset }
func (s *source) Position() int64                     { return s.next }
func (s *source) Commit(context.Context, int64) error { return nil }
func (s *source) Committed() int64                    { return 0 }

func (s *source) Bounds(context.Context) (first, next int64, err error) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	t := s.log.topic(s.name)
	return t.first, int64(len(t.records)), s.log.down
}

func (s *source) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	for {
		s.log.mu.Lock()
		t, err := s.log.topic(s.name), s.log.down
		grown := t.grown
		if s.next < t.first || s.next > int64(len(t.records)) {
			err = errRange
		}
		var out []pipeline.Record
		for ; err == nil && s.next < int64(len(t.records)); s.next++ {
			if r := t.records[s.next]; len(r.Headers) == 0 { // the only headers here are markers'
				out = append(out, r)
			}
		}
		s.log.mu.Unlock()
		if len(out) > 0 || err != nil {
			return out, err
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// counting is a keeper that counts its calls and fails while down is set.
type counting struct {
	Keeper
	mu             sync.Mutex
	down           error
	wraps, unwraps int
}

func newKeeper(t testing.TB) *counting {
	t.Helper()
	k, err := OpenKeeper(NewLocalKeyURL(), "")
	if err != nil {
		t.Fatal(err)
	}
	return &counting{Keeper: k}
}

func (k *counting) setDown(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = err
}

func (k *counting) calls() (wraps, unwraps int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wraps, k.unwraps
}

func (k *counting) Wrap(ctx context.Context, p []byte) ([]byte, error) {
	k.mu.Lock()
	k.wraps++
	down := k.down
	k.mu.Unlock()
	if down != nil {
		return nil, down
	}
	return k.Keeper.Wrap(ctx, p)
}

func (k *counting) Unwrap(ctx context.Context, c []byte) ([]byte, error) {
	k.mu.Lock()
	k.unwraps++
	down := k.down
	k.mu.Unlock()
	if down != nil {
		return nil, down
	}
	return k.Keeper.Unwrap(ctx, c)
}

func newPair(log *memory, keeper Keeper) (*Sealer, *Opener) {
	return NewSealer(SealerConfig{Log: log, Keeper: keeper, ShortestBucket: second}),
		NewOpener(OpenerConfig{Tail: log.tail, Keeper: keeper, ShortestBucket: second})
}
