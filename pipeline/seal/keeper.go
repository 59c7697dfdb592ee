package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/awskms"        // awskms://
	_ "gocloud.dev/secrets/azurekeyvault" // azurekeyvault://
	_ "gocloud.dev/secrets/gcpkms"        // gcpkms://
	_ "gocloud.dev/secrets/hashivault"    // hashivault://
	"gocloud.dev/secrets/localsecrets"    // base64key://
)

// Keeper wraps keys under a root key that it alone has. Safe for concurrent use. Its errors are the world's and say
// what class of failure it was, never what the URL or the key is.
type Keeper interface {
	Wrap(ctx context.Context, plaintext []byte) ([]byte, error)
	Unwrap(ctx context.Context, ciphertext []byte) ([]byte, error)
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
	if oldURL == "" {
		return current, nil
	}
	old, err := newRoot(oldURL)
	if err != nil {
		return nil, fmt.Errorf("old key: %w", err)
	}
	return &rotating{root: current, old: old}, nil
}

// root is one root key behind gocloud.dev/secrets, opened at first use.
type root struct {
	url     string
	version string

	mu   sync.Mutex
	open *secrets.Keeper
}

func newRoot(keeperURL string) (*root, error) {
	u, err := url.Parse(keeperURL)
	if err != nil || u.Host == "" || !secrets.DefaultURLMux().ValidKeeperScheme(u.Scheme) {
		return nil, ErrKeeperURL
	}
	if u.Scheme == localsecrets.Scheme {
		if err := checkLocalKey(u.Host); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256([]byte("whatsapplink keeper version " + keeperURL))
	return &root{url: keeperURL, version: u.Scheme + "-" + hex.EncodeToString(sum[:4])}, nil
}

// Version names the root key that wraps: short, opaque, alike for alike URLs.
func (r *root) Version() string { return r.version }

func (r *root) keeper(ctx context.Context) (*secrets.Keeper, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		// Drivers keep the context they are opened with to refresh their credentials.
		open, err := secrets.OpenKeeper(context.WithoutCancel(ctx), r.url)
		if err != nil {
			return nil, classed(ctx, err)
		}
		r.open = open
	}
	return r.open, nil
}

// Wrap encrypts plaintext under the root key.
func (r *root) Wrap(ctx context.Context, plaintext []byte) ([]byte, error) {
	k, err := r.keeper(ctx)
	if err != nil {
		return nil, err
	}
	ciphertext, err := k.Encrypt(ctx, plaintext)
	return ciphertext, classed(ctx, err)
}

// Unwrap decrypts what Wrap returned.
func (r *root) Unwrap(ctx context.Context, ciphertext []byte) ([]byte, error) {
	k, err := r.keeper(ctx)
	if err != nil {
		return nil, err
	}
	plaintext, err := k.Decrypt(ctx, ciphertext)
	return plaintext, classed(ctx, err)
}

// Format prints [redacted] for every verb: the URL may hold the key.
func (*root) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// rotating wraps with the new root key and unwraps with either.
type rotating struct {
	*root
	old *root
}

// Unwrap tries the new root key, then the old one; if neither does it, the new one's error counts.
func (r *rotating) Unwrap(ctx context.Context, ciphertext []byte) ([]byte, error) {
	plaintext, err := r.root.Unwrap(ctx, ciphertext)
	if err == nil {
		return plaintext, nil
	}
	if plaintext, oldErr := r.old.Unwrap(ctx, ciphertext); oldErr == nil {
		return plaintext, nil
	}
	return nil, err
}

// classed reduces a driver's error, which may quote addresses and keys, to its class. The end of ctx stays itself.
func classed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("keeper: %s", gcerrors.Code(err))
}
