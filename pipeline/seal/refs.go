package seal

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

// RefKind keeps refs of different things apart.
type RefKind string

// The kinds of refs.
const (
	RefPhone    RefKind = "phone"
	RefUserID   RefKind = "user_id"
	RefTemplate RefKind = "template"
	RefProvider RefKind = "provider" // of a wamid
)

const refBytes = 16

// refsSweep is how often the keys of tenants that are no more are looked for.
const refsSweep = time.Minute

// ErrNoRefsKey says that a tenant has no key for refs: it is unknown, or its key was destroyed with it.
var ErrNoRefsKey = errors.New("tenant has no refs key")

// NewRefsKey makes a tenant's key for refs and returns it wrapped, for schemas.Tenant.RefsKey.
func NewRefsKey(ctx context.Context, keeper Keeper) ([]byte, error) {
	var key [keyBytes]byte
	_, _ = rand.Read(key[:])
	wrapped, err := keeper.Wrap(ctx, key[:])
	clear(key[:])
	if err != nil {
		return nil, fmt.Errorf("wrap refs key: %w", err)
	}
	return wrapped, nil
}

// Refs gives pseudonyms: the same value of the same tenant has the same ref, and two tenants' refs cannot be joined.
// Safe for concurrent use.
type Refs struct {
	keeper     Keeper
	wrappedKey func(tenant string) ([]byte, bool)
	unwraps    effects[*refKey]

	mu      sync.RWMutex
	keys    map[string]*refKey
	sweepAt time.Time
}

// refKey is one tenant's key, as a pool of HMAC states.
type refKey struct {
	wrapped []byte
	states  sync.Pool // of *refState
}

type refState struct {
	mac hash.Hash
	buf []byte
}

// NewRefs returns Refs that take each tenant's wrapped key from its record; a key that changes there is followed at
// once.
func NewRefs(keeper Keeper, wrappedKey func(tenant string) ([]byte, bool)) *Refs {
	return &Refs{keeper: keeper, wrappedKey: wrappedKey, keys: make(map[string]*refKey)}
}

// Ref returns the 16-byte ref of a value: 0.5 µs once the tenant's key is unwrapped. ErrNoRefsKey, or the keeper's
// error.
func (r *Refs) Ref(ctx context.Context, tenant string, kind RefKind, value string) ([]byte, error) {
	wrapped, ok := r.wrappedKey(tenant)
	if !ok || len(wrapped) == 0 {
		r.forget(tenant)
		return nil, ErrNoRefsKey
	}
	r.mu.RLock()
	key := r.keys[tenant]
	r.mu.RUnlock()
	if key == nil || !bytes.Equal(key.wrapped, wrapped) {
		var err error
		if key, err = r.unwrap(ctx, tenant, wrapped); err != nil {
			return nil, err
		}
	}
	return key.ref(kind, value), nil
}

func (k *refKey) ref(kind RefKind, value string) []byte {
	s := k.states.Get().(*refState)
	defer k.states.Put(s)
	s.buf = appendSized(appendSized(s.buf[:0], string(kind)), value)
	s.mac.Reset()
	s.mac.Write(s.buf)
	clear(s.buf)
	s.buf = s.mac.Sum(s.buf[:0])
	return bytes.Clone(s.buf[:refBytes])
}

func (r *Refs) unwrap(ctx context.Context, tenant string, wrapped []byte) (*refKey, error) {
	return r.unwraps.do(ctx, tenant+string(wrapped), func(ctx context.Context) (*refKey, error) {
		plain, err := r.keeper.Unwrap(ctx, wrapped)
		if err != nil {
			return nil, fmt.Errorf("unwrap refs key: %w", err)
		}
		if len(plain) != keyBytes {
			return nil, fmt.Errorf("unwrap refs key: not %d bytes", keyBytes)
		}
		key := &refKey{wrapped: bytes.Clone(wrapped)}
		key.states.New = func() any { return &refState{mac: hmac.New(sha256.New, plain)} }
		r.keep(tenant, key)
		return key, nil
	})
}

func (r *Refs) forget(tenant string) {
	r.mu.RLock()
	_, ok := r.keys[tenant]
	r.mu.RUnlock()
	if ok {
		r.mu.Lock()
		delete(r.keys, tenant)
		r.mu.Unlock()
	}
}

// keep takes a key, and now and then lets go of those whose tenant has them no more.
func (r *Refs) keep(tenant string, key *refKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.After(r.sweepAt) {
		r.sweepAt = now.Add(refsSweep)
		for t, k := range r.keys {
			if wrapped, ok := r.wrappedKey(t); !ok || !bytes.Equal(wrapped, k.wrapped) {
				delete(r.keys, t)
			}
		}
	}
	r.keys[tenant] = key
}

// Format prints [redacted] for every verb: it holds keys.
func (*Refs) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }
