package seal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// ErrGone says that the seed of a sealed value is no longer there: nobody can open it any more.
var ErrGone = errors.New("seed is gone")

var errSeedRecord = errors.New("seed's record in the key topic cannot be read")

// OpenerConfig is what an Opener works with. Tail and Keeper are required.
type OpenerConfig struct {
	// Tail returns partition 0 of a topic, read from an offset on; -2 is the log's beginning.
	Tail   func(topic string, from int64) pipeline.Source
	Keeper Keeper
	// ShortestBucket bounds buckets from below, as in Bucket; zero means a minute.
	ShortestBucket time.Duration
	// Now tells the time; nil means time.Now.
	Now func() time.Time
}

// Opener opens sealed values with the seeds of the key topics, which it reads as it needs them: it has no goroutine of
// its own. Safe for concurrent use.
type Opener struct {
	config  OpenerConfig
	seeds   *index
	unwraps effects[*seed]
	nodes   nodes

	mu       sync.Mutex
	families map[string]*keyLog
}

// NewOpener returns an Opener; it opens no topic before it is asked.
func NewOpener(config OpenerConfig) *Opener {
	config.ShortestBucket = shortestOr(config.ShortestBucket)
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Opener{config: config, seeds: newIndex(config.Now), families: make(map[string]*keyLog)}
}

// Open opens a value that was sealed for this tenant, message and purpose. ErrGone: its window is over, by the append
// time of its seed, or the key topic holds the seed no more. ErrErased: it was erased early. ErrCorrupt: the record's
// fault. Any other error is the world's: call again. 3 µs for 500 bytes while the seed is open; the first value of a
// seed waits for the key topic and the keeper.
func (o *Opener) Open(ctx context.Context, sealed schemas.Sealed, tenant, message string, purpose Purpose) ([]byte, error) {
	if err := wellFormed(sealed); err != nil {
		return nil, err
	}
	key, err := o.key(ctx, seedKey{sealed.Family, seedID(sealed.SeedID)}, tenant, message)
	if err != nil {
		return nil, err
	}
	defer clear(key[:])
	return decrypt(&key, additional(tenant, message, purpose), sealed)
}

// key derives a message's key from its seed.
func (o *Opener) key(ctx context.Context, name seedKey, tenant, message string) ([keyBytes]byte, error) {
	for {
		s, err := o.seed(ctx, name)
		if err != nil {
			return [keyBytes]byte{}, err
		}
		key, err := s.key(tenant, message)
		if err != errWiped { // else it expired, or gave way to others, just now
			return key, err
		}
	}
}

// seed returns an opened seed: open already, or unwrapped now, or first looked for in its key topic.
func (o *Opener) seed(ctx context.Context, key seedKey) (*seed, error) {
	wrapped, opened, ok := o.seeds.get(key)
	if !ok {
		keys, err := o.keyLog(key.family)
		if err != nil {
			return nil, err
		}
		if err := keys.readToEnd(ctx, key); err != nil {
			return nil, err
		}
		if wrapped, opened, ok = o.seeds.get(key); !ok {
			return nil, ErrGone
		}
	}
	switch {
	case opened != nil:
		return opened, nil
	case wrapped == nil:
		return nil, errSeedRecord
	}
	return o.unwraps.do(ctx, key.family+string(key.id[:]), func(ctx context.Context) (*seed, error) {
		s, err := unwrap(ctx, o.config.Keeper, key.id, key.family, wrapped, &o.nodes)
		if err != nil {
			return nil, err
		}
		if !o.seeds.open(s) {
			return nil, ErrGone // it expired meanwhile
		}
		return s, nil
	})
}

// keyLog returns the key topic of a family; a family that is not the name of a window has none.
func (o *Opener) keyLog(family string) (*keyLog, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if k := o.families[family]; k != nil {
		return k, nil
	}
	window, err := ParseWindow(family)
	if err != nil || window == 0 {
		return nil, ErrCorrupt
	}
	k := &keyLog{
		family:    family,
		retention: KeyRetention(window, o.config.ShortestBucket),
		seeds:     o.seeds,
		source:    o.config.Tail(KeyTopic(family), -2),
		turn:      make(chan struct{}, 1),
	}
	o.families[family] = k
	return k, nil
}

// adopt takes a seed that a Sealer of this process made.
func (o *Opener) adopt(s *seed, record schemas.Seed, at pipeline.Appended) {
	window, err := ParseWindow(s.family)
	if err != nil {
		return
	}
	o.seeds.add(seedKey{s.family, s.id}, record.Wrapped, at.At, KeyRetention(window, o.config.ShortestBucket))
	o.seeds.open(s.clone(&o.nodes))
}

// Format prints [redacted] for every verb: it holds keys.
func (*Opener) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }
