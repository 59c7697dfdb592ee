package wire

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// vault is as much of a Vault as its driver uses; while it is down it refuses, and counts how often.
type vault struct {
	down    atomic.Bool
	refused atomic.Int64
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if v.down.Load() {
		v.refused.Add(1)
		http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
		return
	}
	var in struct{ Plaintext, Ciphertext string }
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out := map[string]string{"ciphertext": "vault:v1:" + in.Plaintext}
	if strings.Contains(r.URL.Path, "/decrypt/") {
		out = map[string]string{"plaintext": strings.TrimPrefix(in.Ciphertext, "vault:v1:")}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": out})
}

// theVault is where every hashivault:// URL of these tests leads: the driver reads its address once a process.
var theVault = sync.OnceValue(func() *vault {
	v := new(vault)
	_ = os.Setenv("VAULT_ADDR", httptest.NewServer(v).URL)
	return v
})

// refusedAgain waits until a Vault that is down was asked some more.
func (v *vault) refusedAgain(t testing.TB) {
	t.Helper()
	before := v.refused.Load()
	eventually(t, "the keeper is asked again", func() bool { return v.refused.Load() >= before+2 })
}

func saysKeeper(s boot.Service) bool { return pipeline.Class(s.Ready()) == "keeper" }

func TestAKeeperOutageHoldsValidate(t *testing.T) {
	// Goal: without its keeper validate neither seals nor rejects nor commits, says so, and goes on by itself. Method: a Vault
	// that goes down and comes back, and requests all the while.
	v := theVault()
	d := deploy(t)
	d.env["WL_KEYS_URL"] = "hashivault://content"
	d.tenant("acme-shop")
	service := binary[ValidateConfig](d, "validate", Validate)
	d.start(service.Run)
	n := 0
	publish := func() {
		d.put(Requests, nil, encode(t, schemas.MessageRequests, good(n, "acme-shop")))
		n++
	}
	publish()
	eventually(t, "the first is sealed", func() bool { return len(d.read(ValidatedT)) == 1 && service.Ready() == nil })

	v.down.Store(true)
	defer v.down.Store(false)
	eventually(t, "validate says that it waits for its keeper", func() bool { publish(); return saysKeeper(service) })
	sealed := len(d.read(ValidatedT))
	publish()
	v.refusedAgain(t)
	if got := len(d.read(ValidatedT)); got != sealed || sealed == n || len(d.read(RejectedT)) > 0 || !saysKeeper(service) {
		t.Errorf("%d sealed of %d, then %d; %d rejected; ready %v", sealed, n, got, len(d.read(RejectedT)), service.Ready())
	}
	v.down.Store(false)
	eventually(t, "all are sealed", func() bool { return len(d.read(ValidatedT)) == n && service.Ready() == nil })
}

func TestAKeeperOutageHoldsDeliver(t *testing.T) {
	// Goal: without its keeper deliver sends nothing and ends nothing, says so, and then sends each once. Method: a Vault that
	// is down when deliver starts.
	v := theVault()
	d := deploy(t)
	d.env["WL_KEYS_URL"] = "hashivault://content"
	d.tenant(deliverTenant)
	meta := d.door(simulator.Config{})
	const all = 20
	d.route(all)
	v.down.Store(true)
	defer v.down.Store(false)
	service := binary[DeliverConfig](d, "deliver", Deliver)
	d.start(service.Run)
	eventually(t, "deliver says that it waits for its keeper", func() bool { return saysKeeper(service) })
	v.refusedAgain(t)
	if c := meta.Counts(); c.Accepted > 0 || len(d.ended()) > 0 {
		t.Errorf("sent %d, ended %v", c.Accepted, d.ended())
	}
	v.down.Store(false)
	eventually(t, "each is sent", func() bool { return d.ended()[schemas.OutcomeSent] == all && service.Ready() == nil })
	if c := meta.Counts(); c.Accepted != all || c.Doubles != 0 {
		t.Errorf("at the door: %+v", c)
	}
}

func TestAVaultInClearIsRefused(t *testing.T) {
	// Goal: seeds go to a Vault by TLS or within the machine. Method: addresses, good and bad.
	theVault()
	for addr, want := range map[string]bool{"": false, "CANARY": false, "http://vault.example:8200": false, "https://vault.example:8200": true, "http://127.0.0.1:8200": true} {
		t.Setenv("VAULT_SERVER_URL", addr)
		if addr == "" {
			t.Setenv("VAULT_ADDR", "")
		}
		_, err := Keys{KeysURL: "hashivault://content"}.keeper()
		if (err == nil) != want || (err != nil && strings.Contains(err.Error(), "CANARY")) {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestTheRootKeyRotatesUnderRunningStages(t *testing.T) {
	// Goal: with old and new keeper side by side processes restart in any order: what the old key wrapped opens, what is new is
	// wrapped by the new key alone, who does not have it yet waits for its restart and ends nothing, and each message is sent
	// once. Method: validate, route and deliver, restarted one by one with a request between.
	for name, first := range map[string]string{"validate first": "validate", "deliver first": "deliver"} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t)
			d.env["WL_DIAGNOSTIC_WINDOW"] = "60s"
			oldURL, newURL := d.env["WL_KEYS_URL"], freshKey()
			d.tenant(deliverTenant)
			meta := d.door(simulator.Config{})
			d.start(binary[RouteConfig](d, "route", Route, "WL_KEYS_URL", "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW", "WL_CREDENTIALS_DIR", "WL_CLOUD_API_URL").Run)
			service := map[string]boot.Service{}
			stop := map[string]func() error{}
			run := func(name string) {
				t.Helper()
				if stop[name] != nil {
					if err := stop[name](); err != nil {
						t.Fatal(err)
					}
				}
				if name == "validate" {
					service[name] = binary[ValidateConfig](d, name, Validate, "WL_CREDENTIALS_DIR", "WL_CLOUD_API_URL")
				} else {
					service[name] = binary[DeliverConfig](d, name, Deliver, "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW")
				}
				stop[name] = d.start(service[name].Run)
			}
			publish := func(n int) {
				d.put(Requests, nil, encode(t, schemas.MessageRequests, good(n, deliverTenant)))
			}
			sent := func(n int) {
				t.Helper()
				eventually(t, "all so far are sent", func() bool { return d.ended()[schemas.OutcomeSent] == n })
			}
			run("validate")
			run("deliver")
			publish(0)
			sent(1)
			d.env["WL_KEYS_URL"], d.env["WL_KEYS_OLD_URL"] = newURL, oldURL
			run(first)
			publish(1)
			if first == "validate" {
				eventually(t, "deliver waits for the new key", func() bool { return saysKeeper(service["deliver"]) })
				run("deliver")
			} else {
				sent(2) // sealed under the old key still
				run("validate")
			}
			publish(2)
			sent(3)
			if c := meta.Counts(); c.Accepted != 3 || c.Doubles != 0 || len(d.ended()) != 1 {
				t.Errorf("at the door: %+v; ended %v", c, d.ended())
			}
			opened, seeds := map[string]int{}, decodeAll(d, "keys.60s", schemas.Seeds)
			for by, urls := range map[string][2]string{"both": {newURL, oldURL}, "new": {newURL, ""}, "old": {oldURL, ""}} {
				keeper, err := seal.OpenKeeper(urls[0], urls[1])
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range seeds {
					if _, err := keeper.Unwrap(within(t), s.Wrapped); err == nil {
						opened[by]++
					}
				}
			}
			if opened["both"] != len(seeds) || opened["new"] < 1 || opened["old"] < 1 || opened["new"]+opened["old"] != len(seeds) {
				t.Errorf("of %d seeds opened: %v", len(seeds), opened)
			}
		})
	}
}
