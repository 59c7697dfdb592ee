package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/awskms"        // awskms://
	_ "gocloud.dev/secrets/azurekeyvault" // azurekeyvault://
	_ "gocloud.dev/secrets/gcpkms"        // gcpkms://
	"gocloud.dev/secrets/hashivault"      // hashivault://
	"gocloud.dev/secrets/localsecrets"    // base64key://
)

// rootBound ends a call to a root key. Vault's driver heeds no ctx and has no time-out of its own.
const rootBound = 10 * time.Second

var errRootPanic = errors.New("keeper: driver panicked on the answer")

// root is one root key behind gocloud.dev/secrets, opened at first use.
type root struct {
	url     string
	version string

	mu   sync.Mutex
	open *secrets.Keeper
}

// dialing serialises the opening of root keys: Vault's driver keeps what it reads of a URL in a variable.
var dialing sync.Mutex

func newRoot(keeperURL string) (*root, error) {
	u, err := url.Parse(keeperURL)
	if err != nil || u.Host == "" || !secrets.DefaultURLMux().ValidKeeperScheme(u.Scheme) {
		return nil, ErrKeeperURL
	}
	sum := sha256.Sum256([]byte("whatsapplink keeper version " + keeperURL))
	r := &root{url: keeperURL, version: u.Scheme + "-" + hex.EncodeToString(sum[:4])}
	switch q := u.Query(); {
	case u.Scheme == localsecrets.Scheme:
		if err := checkLocalKey(u.Host); err != nil {
			return nil, err
		}
	case u.Scheme == hashivault.Scheme && !q.Has("engine"): // else its driver takes the engine of the last URL that named one
		q.Set("engine", "transit")
		u.RawQuery = q.Encode()
		r.url = u.String()
	}
	return r, nil
}

func (r *root) keeper(ctx context.Context) (*secrets.Keeper, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		dialing.Lock()
		defer dialing.Unlock()
		// Drivers keep the context they are opened with to refresh their credentials.
		open, err := secrets.OpenKeeper(context.WithoutCancel(ctx), r.url)
		if err != nil {
			return nil, err
		}
		r.open = open
	}
	return r.open, nil
}

func (r *root) wrap(ctx context.Context, plaintext []byte) ([]byte, error) {
	return r.call(ctx, plaintext, (*secrets.Keeper).Encrypt)
}

func (r *root) unwrap(ctx context.Context, ciphertext []byte) ([]byte, error) {
	return r.call(ctx, ciphertext, (*secrets.Keeper).Decrypt)
}

// call asks the driver and waits until rootBound, whatever the driver does: one that hangs is left behind, with a copy of
// its own of what it was given, and one that panics on an answer has failed.
func (r *root) call(ctx context.Context, in []byte, do func(*secrets.Keeper, context.Context, []byte) ([]byte, error)) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, rootBound)
	defer cancel()
	type answer struct {
		out []byte
		err error
	}
	answers := make(chan answer, 1)
	own := bytes.Clone(in)
	go func() {
		a := answer{err: errRootPanic}
		defer func() {
			_ = recover() // its value may quote the answer
			clear(own)
			answers <- a
		}()
		k, err := r.keeper(bounded)
		if err != nil {
			a.err = classed(err)
			return
		}
		out, err := do(k, bounded, own)
		a = answer{out, classed(err)}
	}()
	select {
	case a := <-answers:
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return a.out, a.err
	case <-bounded.Done():
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("keeper: %w", context.DeadlineExceeded)
	}
}

// classed reduces a driver's error, which may quote addresses and keys, to its class.
func classed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keeper: %s", gcerrors.Code(err))
}

// Format prints [redacted] for every verb: the URL may hold the key.
func (*root) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }
