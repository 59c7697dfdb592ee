package seal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Keeper wraps keys under a root key that it alone has. Safe for concurrent use. Its errors are the world's and say
// what class of failure it was, never what the URL or the key is.
type Keeper interface {
	Wrap(ctx context.Context, plaintext []byte) ([]byte, error)
	Unwrap(ctx context.Context, ciphertext []byte) ([]byte, error)
	// Ready is nil unless the last call failed: then what needs a key waits for the keeper.
	Ready() error
}

// ErrKeeperURL says that a keeper's URL cannot be used. The URL may hold a key, so it is not quoted.
var ErrKeeperURL = errors.New("keeper URL must be base64key://, hashivault://, awskms://, gcpkms:// or azurekeyvault:// and name a key")

// OpenKeeper returns the keeper at a gocloud.dev/secrets URL. While the root key is being rotated, oldURL names the
// previous one: it still unwraps and wraps no more; "" for none. Nothing is contacted before the first Wrap or Unwrap.
// Errors: ErrKeeperURL, ErrWeakKey.
func OpenKeeper(keeperURL, oldURL string) (Keeper, error) {
	current, err := newRoot(keeperURL)
	if err != nil {
		return nil, err
	}
	k := &keeper{current: current}
	if oldURL != "" {
		if k.old, err = newRoot(oldURL); err != nil {
			return nil, fmt.Errorf("old key: %w", err)
		}
	}
	return k, nil
}

// keeper wraps with the current root key and unwraps with it or, while rotating, the old one.
type keeper struct {
	current, old *root

	mu                sync.Mutex
	calls             int // begun
	succeeded, failed int // the last begun of those that ended so: a call that hung tells nothing new when it fails
}

// Wrap encrypts plaintext under the current root key.
func (k *keeper) Wrap(ctx context.Context, plaintext []byte) ([]byte, error) {
	call := k.begin()
	ciphertext, err := k.current.wrap(ctx, plaintext)
	k.end(call, err)
	return ciphertext, err
}

// Unwrap decrypts what Wrap returned; if neither root key does it, the current one's error counts.
func (k *keeper) Unwrap(ctx context.Context, ciphertext []byte) ([]byte, error) {
	call := k.begin()
	plaintext, err := k.current.unwrap(ctx, ciphertext)
	if err != nil && k.old != nil {
		if older, oldErr := k.old.unwrap(ctx, ciphertext); oldErr == nil {
			plaintext, err = older, nil
		}
	}
	k.end(call, err)
	return plaintext, err
}

// begin numbers a call.
func (k *keeper) begin() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	return k.calls
}

// end remembers how a call ended, unless its caller ended it.
func (k *keeper) end(call int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		k.succeeded = max(k.succeeded, call)
	case !errors.Is(err, context.Canceled):
		k.failed = max(k.failed, call)
	}
}

type keeperError struct{}

func (keeperError) Error() string { return "keeper: its last call failed" }
func (keeperError) Class() string { return "keeper" }

// Ready says whether the last call succeeded, or none was made.
func (k *keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed > k.succeeded {
		return keeperError{}
	}
	return nil
}

// Version names the root key that wraps: short, opaque, alike for alike URLs.
func (k *keeper) Version() string { return k.current.version }

// Format prints [redacted] for every verb: the URL may hold the key.
func (*keeper) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }
