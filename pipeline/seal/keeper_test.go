package seal

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"gocloud.dev/gcerrors"
	"gocloud.dev/secrets"
)

func localURL(key []byte) string { return "base64key://" + base64.URLEncoding.EncodeToString(key) }

func TestAWeakLocalKeyIsRefused(t *testing.T) {
	// Goal: a root key no generator made is refused at start, random ones never, and no error quotes it. Method: a table,
	// and many random keys.
	zeros := make([]byte, keyBytes)
	steps := make([]byte, keyBytes)
	for i := range steps {
		steps[i] = byte(3 * i)
	}
	random, _ := base64.URLEncoding.DecodeString(strings.TrimPrefix(NewLocalKeyURL(), "base64key://"))
	for name, u := range map[string]string{
		"zeros":     localURL(zeros),
		"ones":      localURL([]byte(strings.Repeat("\x01", keyBytes))),
		"repeated":  localURL([]byte(strings.Repeat("\x91\x02\xfe\x17", 8))),
		"halves":    localURL(append(random[:16:16], random[:16]...)),
		"steps":     localURL(steps),
		"text":      localURL([]byte("correct horse battery staple, 32")),
		"short":     localURL(random[:31]),
		"long":      localURL(append(random[:32:32], 7)),
		"published": "base64key://" + publishedKey,
		"no base64": "base64key://~~~",
	} {
		_, err := OpenKeeper(u, "")
		if !errors.Is(err, ErrWeakKey) {
			t.Errorf("%s: %v; want %v", name, err, ErrWeakKey)
		}
		if _, err := OpenKeeper(NewLocalKeyURL(), u); !errors.Is(err, ErrWeakKey) {
			t.Errorf("%s as the old key: %v; want %v", name, err, ErrWeakKey)
		}
	}
	for range 1000 {
		if _, err := OpenKeeper(NewLocalKeyURL(), ""); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABadKeeperURLIsNotQuoted(t *testing.T) {
	// Goal: what is no keeper's URL is refused in words that do not hold it. Method: a table with a secret in each.
	for _, u := range []string{"", "hunter2", "http://hunter2", "base64key://", "awskms://", "://hunter2", "hunter2://x", "base64key://hunter2\x7f"} {
		_, err := OpenKeeper(u, "")
		if !errors.Is(err, ErrKeeperURL) && !errors.Is(err, ErrWeakKey) {
			t.Errorf("%q: %v", u, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q is quoted: %v", u, err)
		}
	}
}

func TestAKeeperContactsNothingWhenOpened(t *testing.T) {
	// Goal: -check can open every kind of keeper without network and credentials. Method: open them all; none may fail.
	for _, u := range []string{
		"hashivault://whatsapplink", "awskms://alias/whatsapplink?region=eu-central-1",
		"gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k", "azurekeyvault://v.vault.azure.net/keys/k",
	} {
		if k, err := OpenKeeper(u, ""); err != nil || k.(*keeper).current.open != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func TestRotationOverlaps(t *testing.T) {
	// Goal: while rotating, old seeds open and new ones are wrapped by the new key alone. Method: wrap under each key and
	// unwrap with each keeper.
	ctx := t.Context()
	oldURL, newURL := NewLocalKeyURL(), NewLocalKeyURL()
	open := func(u, old string) Keeper {
		k, err := OpenKeeper(u, old)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before, during, after := open(oldURL, ""), open(newURL, oldURL), open(newURL, "")
	wrap := func(k Keeper) []byte {
		c, err := k.Wrap(ctx, []byte("seed"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, c := range map[string]struct {
		keeper  Keeper
		wrapped []byte
		opens   bool
	}{
		"old by both": {during, wrap(before), true}, "new by both": {during, wrap(during), true},
		"new by new": {after, wrap(during), true}, "old by new": {after, wrap(before), false}, "new by old": {before, wrap(during), false},
	} {
		if got, err := c.keeper.Unwrap(ctx, c.wrapped); (err == nil && string(got) == "seed") != c.opens {
			t.Errorf("%s: %v", name, err)
		}
	}
	version := func(k Keeper) string { return k.(interface{ Version() string }).Version() }
	if version(during) != version(after) || version(during) == version(before) {
		t.Error("versions do not name the key that wraps")
	}
}

// leaky is a driver whose errors quote what they should not.
type leaky struct{}

func (leaky) Encrypt(context.Context, []byte) ([]byte, error) { return nil, errors.New("hunter2") }
func (leaky) Decrypt(context.Context, []byte) ([]byte, error) { return nil, errors.New("hunter2") }
func (leaky) Close() error                                    { return nil }
func (leaky) ErrorAs(error, any) bool                         { return false }
func (leaky) ErrorCode(error) gcerrors.ErrorCode              { return gcerrors.PermissionDenied }

func TestAKeepersErrorIsItsClass(t *testing.T) {
	// Goal: a driver's words never leave, its class does, and the end of the caller's ctx is still told. Method: a driver
	// that leaks.
	k := &root{open: secrets.NewKeeper(leaky{})}
	_, wrapErr := k.wrap(t.Context(), nil)
	_, unwrapErr := k.unwrap(t.Context(), nil)
	for _, err := range []error{wrapErr, unwrapErr} {
		if err == nil || err.Error() != "keeper: PermissionDenied" {
			t.Errorf("error %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.wrap(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want %v", err, context.Canceled)
	}
}
