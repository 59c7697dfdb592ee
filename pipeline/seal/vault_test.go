package seal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gocloud.dev/secrets"

	"github.com/whatsapplink/cloud/pipeline"
)

// vault is the transit engine of a Vault as far as its driver uses it: keys are names, ciphertexts say under which key
// they are. answer, if any, takes the place of its answer.
type vault struct {
	mu     sync.Mutex
	paths  []string
	answer http.HandlerFunc
}

func (v *vault) set(answer http.HandlerFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = answer
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.paths = append(v.paths, r.URL.Path)
	answer := v.answer
	v.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	var in struct{ Plaintext, Ciphertext string }
	engine, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	verb, key, _ := strings.Cut(rest, "/")
	prefix := "vault:v1:" + engine + ":" + key + ":"
	if json.NewDecoder(r.Body).Decode(&in) != nil || r.Header.Get("X-Vault-Token") != "hunter2" {
		http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
		return
	}
	out := map[string]string{"ciphertext": prefix + in.Plaintext}
	if verb == "decrypt" {
		plain, ok := strings.CutPrefix(in.Ciphertext, prefix)
		if !ok {
			http.Error(w, `{"errors":["cipher: message authentication failed"]}`, http.StatusBadRequest)
			return
		}
		out = map[string]string{"plaintext": plain}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": out})
}

// theVault is where every hashivault:// URL of these tests leads: the driver reads its address once a process.
var (
	theVault    = new(vault)
	vaultServer *httptest.Server
	startVault  = sync.OnceFunc(func() {
		vaultServer = httptest.NewServer(theVault)
		_ = os.Setenv("VAULT_ADDR", vaultServer.URL)
		_ = os.Setenv("VAULT_TOKEN", "hunter2")
	})
)

func mustOpen(t *testing.T, url, old string) Keeper {
	t.Helper()
	k, err := OpenKeeper(url, old)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestVaultKeepsSeeds(t *testing.T) {
	// Goal: Vault's driver wraps and unwraps for a sealer and an opener, from one key to the next while rotating, and an
	// engine named in one URL does not reach another. Method: its HTTP API, faked.
	startVault()
	before, other := mustOpen(t, "hashivault://content", ""), mustOpen(t, "hashivault://refs?engine=second", "")
	during, after := mustOpen(t, "hashivault://next", "hashivault://content"), mustOpen(t, "hashivault://next", "")
	log := newMemory()
	for _, k := range []Keeper{other, before} {
		sealer, opener := newPair(log, k)
		if got, err := open(opener, mustSeal(t, sealer, "1"), "1"); err != nil || got != "hello 1" {
			t.Fatalf("opened %q, %v", got, err)
		}
	}
	old, _ := newPair(log, before)
	sealed := mustSeal(t, old, "2")
	sealer, opener := newPair(log, during)
	if got, err := open(opener, sealed, "2"); err != nil || got != "hello 2" {
		t.Errorf("the old seed while rotating: %q, %v", got, err)
	}
	sealed = mustSeal(t, sealer, "3")
	_, opener = newPair(log, after)
	if got, err := open(opener, sealed, "3"); err != nil || got != "hello 3" {
		t.Errorf("the new seed after rotating: %q, %v", got, err)
	}
	for _, path := range []string{"/v1/transit/encrypt/content", "/v1/second/decrypt/refs", "/v1/transit/decrypt/content", "/v1/transit/encrypt/next"} {
		if !slices.Contains(theVault.paths, path) {
			t.Errorf("%s was not asked", path)
		}
	}
}

func TestAVaultThatFailsHoldsAndHeals(t *testing.T) {
	// Goal: whatever a Vault answers in place of a key, nothing is sealed or opened, the process lives, the keeper says so,
	// no error quotes it, and it heals by itself. Method: bad answers, each between two good ones.
	startVault()
	defer theVault.set(nil)
	hung := make(chan struct{})
	for name, answer := range map[string]http.HandlerFunc{
		"sealed": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"errors":["hunter3"]}`, http.StatusServiceUnavailable)
		},
		"forbidden": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"errors":["hunter3"]}`, http.StatusForbidden)
		},
		"not found": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"no data":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"data":{"hunter3":1}}`)) },
		"no JSON":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hunter3")) },
		"hung up":   func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
		"hangs":     func(http.ResponseWriter, *http.Request) { <-hung },
	} {
		t.Run(name, func(t *testing.T) {
			keeper := mustOpen(t, "hashivault://content", "")
			theVault.set(nil)
			log := newMemory()
			other, _ := newPair(log, keeper)
			sealed := mustSeal(t, other, "1")
			sealer, opener := newPair(log, keeper)

			theVault.set(answer)
			ctx := t.Context()
			if name == "hangs" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, second/4)
				defer cancel()
			}
			_, _, sealing := sealer.Seal(ctx, testWindow, "acme", "2", Transit, nil)
			_, opening := opener.Open(ctx, sealed, "acme", "1", Transit)
			for _, err := range []error{sealing, opening} {
				if _, rejected := pipeline.AsRejection(err); err == nil || rejected || errors.Is(err, ErrGone) || errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "hunter3") {
					t.Errorf("error %v; want one of the world's, without the answer", err)
				}
			}
			if ready := keeper.Ready(); name != "hangs" && pipeline.Class(ready) != "keeper" {
				t.Errorf("ready: %v", ready)
			}
			if name == "hangs" {
				close(hung)
			}
			theVault.set(nil)
			if got, err := open(opener, mustSeal(t, other, "3"), "3"); err != nil || got != "hello 3" {
				t.Errorf("once healed: %q, %v", got, err)
			}
			if err := keeper.Ready(); err != nil {
				t.Errorf("once healed: %v", err)
			}
		})
	}
}

// deaf is a driver that heeds no ctx and answers when it is let go.
type deaf struct {
	leaky
	answer chan struct{}
}

func (d deaf) Encrypt(context.Context, []byte) ([]byte, error) { <-d.answer; return []byte("x"), nil }

func TestAHangingKeeperIsLeft(t *testing.T) {
	// Goal: a driver that never returns fails like any other, in bounded time. Method: one that heeds nothing, and the fake
	// clock.
	synctest.Test(t, func(t *testing.T) {
		d := deaf{answer: make(chan struct{})}
		k := &keeper{current: &root{open: secrets.NewKeeper(d)}}
		start := time.Now()
		_, err := k.Wrap(t.Context(), []byte("seed"))
		if !errors.Is(err, context.DeadlineExceeded) || k.Ready() == nil || time.Since(start) != rootBound {
			t.Errorf("%v after %v, ready %v", err, time.Since(start), k.Ready())
		}
		close(d.answer)
		if _, err := k.Wrap(t.Context(), []byte("seed")); err != nil || k.Ready() != nil {
			t.Errorf("once it answers: %v", err)
		}
	})
}
