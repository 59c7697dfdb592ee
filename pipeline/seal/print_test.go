package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/schemas"
)

func TestNothingSecretPrints(t *testing.T) {
	// Goal: no key, ciphertext or content shows in fmt, slog or JSON. Method: print everything that holds any, in every
	// way, and look for the bytes in every spelling.
	const canary = "canary-7a0b9f"
	log := newMemory()
	keeperURL := NewLocalKeyURL()
	keeper, err := OpenKeeper(keeperURL, NewLocalKeyURL())
	if err != nil {
		t.Fatal(err)
	}
	sealer, opener := newPair(log, keeper)
	sealed, _, err := sealer.Seal(t.Context(), testWindow, "acme", "1", Transit, []byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opener.Open(t.Context(), sealed, "acme", "1", Transit); err != nil {
		t.Fatal(err)
	}
	asker, err := NewAsker()
	if err != nil {
		t.Fatal(err)
	}
	askerKey, err := asker.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	s := sealer.usable(testWindow).seed
	node := s.tree.nodes[0].key[:]
	rootKey, _ := base64.URLEncoding.DecodeString(strings.TrimPrefix(keeperURL, "base64key://"))
	secret := [][]byte{node, rootKey, askerKey, sealed.Ciphertext, []byte(canary)}
	sealer.nodes.mu.RLock()
	at := tenantPath("acme")
	secret = append(secret, bytes.Clone(sealer.nodes.slot(&s.id, &at).key[:])) // what is kept of the tenant
	sealer.nodes.mu.RUnlock()
	_, seeds, _ := opener.seeds.get(seedKey{"20s", s.id})

	payload := schemas.Payload{Recipient: schemas.Recipient{Phone: canary}, ReplyTo: canary, Content: schemas.Text{Body: canary}}
	for name, v := range map[string]any{
		"sealer": sealer, "opener": opener, "keeper": keeper, "asker": asker, "seed": s, "tree": s.tree, "*tree": &s.tree,
		"root": rootOfKeeper(keeper), "nodes": &sealer.nodes, "opened seed": seeds, "index": opener.seeds, "key log": opener.families["20s"],
		"node of a tree": s.tree.nodes[0], "nodes of a tree": s.tree.nodes, "slot": *sealer.nodes.slot(&s.id, &at), "active": sealer.usable(testWindow),
		"answer of a root": fmt.Errorf("sealing: %w", errWiped),
		"list":             *s.tree.list(), "node": s.tree.list().Nodes, "sealed": sealed, "*sealed": &sealed,
		"validated": schemas.Validated{Payload: sealed}, "payload": payload, "*payload": &payload, "in a struct": struct{ P schemas.Payload }{payload},
		"diagnostics": schemas.Diagnostics{WAMID: canary, WaID: canary, ErrorText: canary, TraceID: canary},
		"refs":        NewRefs(keeper, func(string) ([]byte, bool) { return nil, false }),
	} {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("it", "it", v)
		if strings.Contains(name, "payload") || name == "in a struct" || name == "diagnostics" {
			// Content marshals on purpose, where it is shown; JSON logs take LogValue.
			if name != "in a struct" {
				slog.New(slog.NewJSONHandler(&out, nil)).Info("it", "it", v)
			}
		} else {
			slog.New(slog.NewJSONHandler(&out, nil)).Info("it", "it", v)
			encoded, _ := json.Marshal(v)
			out.Write(encoded)
			_ = gob.NewEncoder(&out).Encode(v)
		}
		for _, b := range secret {
			for _, spelt := range spellings(b) {
				if strings.Contains(out.String(), spelt) {
					t.Errorf("%s shows a secret", name)
				}
			}
		}
	}
}

func rootOfKeeper(k Keeper) *root { return k.(*keeper).current }

// spellings are the ways in which 8 bytes of b may show.
func spellings(b []byte) []string {
	b = b[:8]
	decimal := strings.Trim(fmt.Sprint(b), "[]")
	return []string{
		string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), decimal, strings.ReplaceAll(decimal, " ", ", "),
		strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"), base64.StdEncoding.EncodeToString(b)[:10], base64.URLEncoding.EncodeToString(b)[:10],
	}
}

func TestASpellingIsFound(t *testing.T) {
	// Goal: the search above can find something. Method: print bytes bare.
	b := []byte{0, 200, 3, 77, 5, 6, 99, 8}
	for _, out := range []string{fmt.Sprint(b), fmt.Sprintf("%#v", b), fmt.Sprintf("%x", b), base64.StdEncoding.EncodeToString(bytes.Repeat(b, 2))} {
		found := false
		for _, s := range spellings(b) {
			found = found || strings.Contains(out, s)
		}
		if !found {
			t.Errorf("not found in %s", out)
		}
	}
}
