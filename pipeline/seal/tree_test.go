package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/schemas"
)

// plainKey derives a message key as the package comment says, by big numbers and strings of bits: slow, and sharing
// nothing with the tree.
func plainKey(root []byte, tenant, message string) []byte {
	constant := func(s string) []byte {
		sum := sha256.Sum256([]byte("whatsapplink seal v1 " + s))
		return sum[:16]
	}
	oneWay := func(key, x []byte) []byte {
		block, _ := aes.NewCipher(key)
		out := make([]byte, 16)
		block.Encrypt(out, x)
		for i := range out {
			out[i] ^= x[i]
		}
		return out
	}
	bits := func(s string, n int) string {
		sum := sha256.Sum256([]byte(s))
		return fmt.Sprintf("%0256b", new(big.Int).SetBytes(sum[:]))[:n]
	}
	x := root
	for _, bit := range bits(tenant, 64) + bits(message, 40) {
		x = oneWay(constant(map[rune]string{'0': "left", '1': "right"}[bit]), x)
	}
	return append(oneWay(constant("key 0"), x), oneWay(constant("key 1"), x)...)
}

func rootOf(b []byte) (r [nodeBytes]byte) {
	copy(r[:], b)
	return r
}

func keyOf(t Tree, tenant, message string) ([]byte, error) {
	key, err := t.key(messagePath(tenantPath(tenant), message))
	return key[:], err
}

func TestMessageKeysAreFrozen(t *testing.T) {
	// Goal: no later version derives another key. Method: vectors in the file, which an independent implementation gives.
	for _, v := range vectors {
		seed, _ := hex.DecodeString(v.root)
		if got := hex.EncodeToString(plainKey(seed, v.tenant, v.message)); got != v.key {
			t.Errorf("independent key of %s %s = %s; want %s", v.tenant, v.message, got, v.key)
		}
		if got, err := keyOf(newTree(rootOf(seed)), v.tenant, v.message); err != nil || hex.EncodeToString(got) != v.key {
			t.Errorf("key of %s %s = %x, %v; want %s", v.tenant, v.message, got, err, v.key)
		}
	}
}

var vectors = []struct{ root, tenant, message, key string }{
	{"00000000000000000000000000000000", "", "", "0a836fbc530cd6590a6b63a41c0434254fbae5ef5cd2b1914b0dcbf71bb0bf3c"},
	{"00000000000000000000000000000000", "acme", "01JDKX5V8Z3N9T2QY7W4R6M1PB", "2f40d7da02ca823d1428b2bf8266d1a618530124ee003ba1924ffa3057479f59"},
	{"000102030405060708090a0b0c0d0e0f", "acme", "01JDKX5V8Z3N9T2QY7W4R6M1PB", "d714e386b0ae225952ff998495b68f44deb04db08d9366f27beecd7def21f29a"},
	{"000102030405060708090a0b0c0d0e0f", "acme", "0f8fad5b-d9cb-469f-a165-70867728950e", "daf2b417cef33c2b4e2503a52e956b21734eb57d42e40fe99cfb412596748087"},
	{"ffffffffffffffffffffffffffffffff", "globex_2", "0f8fad5b-d9cb-469f-a165-70867728950e", "eb0db6c426c6eaee318bb041bda0a99f3124f28eecaa5dad919e947c97db902a"},
}

func TestKeysAreWhatTheSpecificationSays(t *testing.T) {
	// Goal: tree and specification agree everywhere. Method: random roots and names against the independent derivation.
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "root")
		tenant, message := rapid.String().Draw(t, "tenant"), rapid.String().Draw(t, "message")
		got, err := keyOf(newTree(rootOf(seed)), tenant, message)
		if err != nil || !bytes.Equal(got, plainKey(seed, tenant, message)) {
			t.Fatalf("key differs: %v", err)
		}
	})
}

// puncture is one erasure; message "" erases the tenant.
type puncture struct{ tenant, message string }

func (p puncture) of(t Tree) Tree {
	if p.message == "" {
		return t.PunctureTenant(p.tenant)
	}
	return t.PunctureMessage(p.tenant, p.message)
}

func TestAPuncturedTreeErasesJustWhatItShould(t *testing.T) {
	// Goal: after any erasures in any order exactly the erased messages have no key and every other one has the key it
	// had, also through the wrapped form and through the tenant's kept node. Method: random erasures of few names, so that
	// they meet, checked on all pairs of names.
	names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	messages := rapid.SampledFrom([]string{"", "1", "2", "3"})
	rapid.Check(t, func(t *rapid.T) {
		fresh := newTree(rootOf(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "root")))
		erased := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) puncture {
			return puncture{names.Draw(t, "tenant"), messages.Draw(t, "message")}
		}), 0, 6).Draw(t, "erased")
		tree, gone := fresh, make(map[puncture]bool)
		for _, p := range erased {
			tree, gone[p] = p.of(tree), true
		}
		again, err := treeOf(*tree.list())
		if err != nil {
			t.Fatal(err)
		}
		seed := &seed{nodes: new(nodes), tree: again}
		for _, tenant := range []string{"a", "b", "c", "d", "e"} {
			for _, message := range []string{"1", "2", "3", "4"} {
				want, _ := keyOf(fresh, tenant, message)
				isGone := gone[puncture{tenant, ""}] || gone[puncture{tenant, message}]
				for _, from := range []func() ([keyBytes]byte, error){
					func() ([keyBytes]byte, error) { return tree.key(messagePath(tenantPath(tenant), message)) },
					func() ([keyBytes]byte, error) { return seed.key(tenant, message) },
					func() ([keyBytes]byte, error) { return seed.key(tenant, message) }, // of the kept node
				} {
					got, err := from()
					if isGone != errors.Is(err, ErrErased) || (!isGone && !bytes.Equal(got[:], want)) {
						t.Fatalf("%s/%s: erased %v, error %v", tenant, message, isGone, err)
					}
				}
			}
		}
		if most := 1 + leafDepth*len(erased); len(tree.nodes) > most {
			t.Fatalf("%d nodes after %d erasures; at most %d", len(tree.nodes), len(erased), most)
		}
	})
}

func TestNoNodeAboveAnErasedKeyIsLeft(t *testing.T) {
	// Goal: erasure is cryptographic, not a flag. Method: no node that is left covers the erased path, and the root's own
	// bytes are nowhere among them.
	fresh := newTree(rootOf([]byte("0123456789abcdef")))
	tree := fresh.PunctureMessage("acme", "1")
	if len(tree.nodes) != leafDepth {
		t.Fatalf("%d nodes; want the %d siblings of the path", len(tree.nodes), leafDepth)
	}
	for _, n := range tree.nodes {
		if n.covers(messagePath(tenantPath("acme"), "1")) || n.key == fresh.nodes[0].key {
			t.Fatalf("a node at depth %d still gives the erased key", n.depth)
		}
	}
	if fresh.nodes[0].depth != 0 || len(fresh.nodes) != 1 {
		t.Fatal("puncturing changed the tree it started from")
	}
}

func TestMalformedNodesAreRefused(t *testing.T) {
	// Goal: a damaged seed gives an error, not other keys. Method: a table of lists.
	key := make([]byte, nodeBytes)
	for name, nodes := range map[string][]schemas.Node{
		"deep":     {{Depth: leafDepth + 1, Prefix: make([]byte, 14), Node: key}},
		"negative": {{Depth: -1, Node: key}},
		"short":    {{Depth: 9, Prefix: make([]byte, 1), Node: key}},
		"long":     {{Depth: 0, Prefix: make([]byte, 1), Node: key}},
		"padding":  {{Depth: 1, Prefix: []byte{0x81}, Node: key}},
		"node":     {{Depth: 0, Node: key[1:]}},
		"covered":  {{Depth: 8, Prefix: []byte{0x80}, Node: key}, {Depth: 1, Prefix: []byte{0x80}, Node: key}},
		"twice":    {{Depth: 1, Prefix: []byte{0x80}, Node: key}, {Depth: 1, Prefix: []byte{0x80}, Node: key}},
	} {
		if _, err := treeOf(schemas.NodeList{Nodes: nodes}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDerivationAllocatesNothing(t *testing.T) {
	// Goal: the hot path makes no garbage. Method: allocations of a derivation below a cached tenant.
	s := newSeed("24h", new(nodes))
	if _, err := s.key("acme", "1"); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = s.key("acme", "2") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
