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

// SealerConfig is what a Sealer works with. Log and Keeper are required.
type SealerConfig struct {
	Log    pipeline.Log
	Keeper Keeper
	// ShortestBucket bounds buckets from below, as in Bucket; zero means a minute.
	ShortestBucket time.Duration
	// Opener, if any, opens what this Sealer seals without reading the key topic or asking the keeper.
	Opener *Opener
	// Now tells the time, with a monotonic reading; nil means time.Now.
	Now func() time.Time
}

// Sealer seals under seeds of its own: one per window and bucket, that no other Sealer has. Safe for concurrent use.
type Sealer struct {
	config   SealerConfig
	renewals effects[*active]
	nodes    nodes

	mu      sync.RWMutex
	current map[time.Duration]*active
}

// active is the seed of the present bucket.
type active struct {
	seed   *seed
	ref    schemas.SeedRef
	offset int64
	born   time.Time // before the seed was appended, with a monotonic reading
	bucket time.Duration
}

// Format prints [redacted] for every verb.
func (*active) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// usable says that the bucket is over by neither clock: the monotonic one stands still while a machine is suspended, and
// the other one may be set.
func (a *active) usable(now time.Time) bool {
	return a != nil && max(now.Sub(a.born), now.Round(0).Sub(a.born.Round(0))) < a.bucket
}

var errLateSeed = errors.New("seed was acknowledged after its bucket was over")

// NewSealer returns a Sealer; it makes its first seed when first asked to seal.
func NewSealer(config SealerConfig) *Sealer {
	config.ShortestBucket = shortestOr(config.ShortestBucket)
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Sealer{config: config, current: make(map[time.Duration]*active)}
}

func shortestOr(d time.Duration) time.Duration {
	if d == 0 {
		return time.Minute
	}
	return d
}

// Seal seals plaintext for one message and purpose; it stays readable for window from now and is unreadable after
// window + 2 buckets and the broker's check interval. The first call of a bucket waits for the keeper and the key
// topic; the others take 3 µs for 500 bytes. Errors are the world's: call again. The result's SeedID is shared and must
// not be changed.
func (s *Sealer) Seal(ctx context.Context, window time.Duration, tenant, message string, purpose Purpose, plaintext []byte) (schemas.Sealed, schemas.SeedRef, error) {
	a, key, err := s.key(ctx, window, tenant, message)
	if err != nil {
		return schemas.Sealed{}, schemas.SeedRef{}, err
	}
	nonce, ciphertext := encrypt(&key, additional(tenant, message, purpose), plaintext)
	clear(key[:])
	return schemas.Sealed{
		Version:    version,
		Family:     a.seed.family,
		SeedID:     a.ref.SeedID,
		OffsetHint: a.offset,
		Nonce:      nonce,
		Ciphertext: ciphertext,
	}, a.ref, nil
}

// key derives a message's key from the seed of the present bucket.
func (s *Sealer) key(ctx context.Context, window time.Duration, tenant, message string) (*active, [keyBytes]byte, error) {
	for {
		a, err := s.active(ctx, window)
		if err != nil {
			return nil, [keyBytes]byte{}, err
		}
		key, err := a.seed.key(tenant, message)
		if err != errWiped { // else the bucket ended just now
			return a, key, err
		}
	}
}

// active returns the seed of the present bucket of a window, made now if need be.
func (s *Sealer) active(ctx context.Context, window time.Duration) (*active, error) {
	if a := s.usable(window); a != nil {
		return a, nil
	}
	name := WindowName(window)
	if d, err := ParseWindow(name); err != nil || d == 0 {
		return nil, fmt.Errorf("seal: %w", errWindow)
	}
	return s.renewals.do(ctx, name, func(ctx context.Context) (*active, error) {
		if a := s.usable(window); a != nil {
			return a, nil
		}
		return s.renew(ctx, window, name)
	})
}

func (s *Sealer) usable(window time.Duration) *active {
	s.mu.RLock()
	a := s.current[window]
	s.mu.RUnlock()
	if !a.usable(s.config.Now()) {
		return nil
	}
	return a
}

// renew makes a seed, has it wrapped and acknowledged, and only then lets it be used. A seed that failed on the way is
// never used; the next try makes another.
func (s *Sealer) renew(ctx context.Context, window time.Duration, family string) (*active, error) {
	fresh := newSeed(family, &s.nodes)
	record, err := fresh.wrap(ctx, s.config.Keeper, s.config.Now())
	if err != nil {
		return nil, err
	}
	value, err := schemas.Seeds.Encode(&record)
	if err != nil {
		return nil, fmt.Errorf("encode seed: %w", err)
	}
	born := s.config.Now()
	topic := KeyTopic(family)
	appended, err := s.config.Log.Append(ctx, []pipeline.Output{{Topic: topic, Key: record.SeedID, Value: value}})
	if err != nil {
		return nil, fmt.Errorf("append seed to %s: %w", topic, err)
	}
	a := &active{
		seed:   fresh,
		ref:    schemas.SeedRef{Topic: topic, SeedID: record.SeedID, AppendedAt: appended[0].At},
		offset: appended[0].Offset,
		born:   born,
		bucket: Bucket(window, s.config.ShortestBucket),
	}
	if !a.usable(s.config.Now()) {
		return nil, errLateSeed
	}
	if o := s.config.Opener; o != nil {
		o.adopt(fresh, record, appended[0])
	}
	s.install(window, a)
	return a, nil
}

// install puts a in place, and takes it away and wipes it when its bucket is over, so that an idle process holds no seed.
func (s *Sealer) install(window time.Duration, a *active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current[window] = a
	time.AfterFunc(a.bucket-s.config.Now().Sub(a.born), func() {
		s.mu.Lock()
		if s.current[window] == a {
			delete(s.current, window)
		}
		s.mu.Unlock()
		a.seed.wipe()
	})
}

// Format prints [redacted] for every verb: it holds keys.
func (*Sealer) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }
