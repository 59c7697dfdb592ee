package seal

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
)

const (
	tenantDepth = 64
	leafDepth   = tenantDepth + 40
	pathBytes   = leafDepth / 8
	nodeBytes   = aes.BlockSize
	keyBytes    = 32
)

// ErrErased says that a message, or its tenant, was punctured out of its seed: its key can no longer be derived.
var ErrErased = errors.New("message was erased from its seed")

// The fixed keys: children of a node, and the two halves of a message key. Keyed by public constants on purpose: AES is
// here a public permutation.
var (
	children = [2]cipher.Block{fixedKey("left"), fixedKey("right")}
	halves   = [2]cipher.Block{fixedKey("key 0"), fixedKey("key 1")}
)

func fixedKey(name string) cipher.Block {
	sum := sha256.Sum256([]byte("whatsapplink seal v1 " + name))
	block, err := aes.NewCipher(sum[:nodeBytes])
	if err != nil {
		panic(err) // the key has 16 bytes
	}
	return block
}

// path is the way from a root to a leaf, the most significant bit first.
type path [pathBytes]byte

func tenantPath(tenant string) (p path) {
	sum := sha256.Sum256([]byte(tenant))
	copy(p[:tenantDepth/8], sum[:])
	return p
}

func messagePath(tenant path, message string) path {
	sum := sha256.Sum256([]byte(message))
	copy(tenant[tenantDepth/8:], sum[:])
	return tenant
}

func (p *path) bit(i int) byte { return p[i/8] >> (7 - i%8) & 1 }

// prefix returns the first depth bits of p, the others zero.
func (p path) prefix(depth int) (q path) {
	whole := depth / 8
	copy(q[:], p[:whole])
	if rest := depth % 8; rest != 0 {
		q[whole] = p[whole] & (0xff << (8 - rest))
	}
	return q
}

// sibling returns the first depth bits of p, the last of them flipped.
func (p path) sibling(depth int) path {
	q := p.prefix(depth)
	q[(depth-1)/8] ^= 1 << (7 - (depth-1)%8)
	return q
}

type node struct {
	depth  int
	prefix path // its first depth bits
	key    [nodeBytes]byte
}

// Format prints [redacted] for every verb.
func (node) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

func (n *node) covers(p path) bool { return p.prefix(n.depth) == n.prefix }

// Tree is what is known of a tree of keys: its root, or, once punctured, nodes none of which covers another. It is
// immutable and prints as [redacted].
type Tree struct{ nodes []node } // ordered by prefix

func newTree(root [nodeBytes]byte) Tree { return Tree{nodes: []node{{key: root}}} }

// walker holds the blocks that AES reads and writes, so that a walk allocates nothing.
type walker struct{ node, next [nodeBytes]byte }

var walkers = sync.Pool{New: func() any { return new(walker) }}

func (w *walker) step(block cipher.Block, out *[nodeBytes]byte) {
	block.Encrypt(w.next[:], w.node[:])
	for i := 0; i < nodeBytes; i += 8 { // in words: subtle.XORBytes takes a quarter of the walk
		binary.NativeEndian.PutUint64(out[i:], binary.NativeEndian.Uint64(w.next[i:])^binary.NativeEndian.Uint64(w.node[i:]))
	}
}

// descend returns the node at depth along p, below n.
func (n *node) descend(p path, depth int) node {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.node = n.key
	for d := n.depth; d < depth; d++ {
		w.step(children[p.bit(d)], &w.node)
	}
	return node{depth: depth, prefix: p.prefix(depth), key: w.take()}
}

// messageKey returns the key of the leaf along p, below n.
func (n *node) messageKey(p path) (key [keyBytes]byte) {
	leaf := n.descend(p, leafDepth)
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.node = leaf.key
	w.step(halves[0], (*[nodeBytes]byte)(key[:nodeBytes]))
	w.step(halves[1], (*[nodeBytes]byte)(key[nodeBytes:]))
	w.take()
	return key
}

// take returns the node and leaves none behind in the pool.
func (w *walker) take() (key [nodeBytes]byte) {
	key = w.node
	*w = walker{}
	return key
}

// find returns the node that covers p: the last one whose prefix is not after p, if any does.
func (t Tree) find(p path) (*node, bool) {
	i, found := slices.BinarySearchFunc(t.nodes, p, func(n node, p path) int { return slices.Compare(n.prefix[:], p[:]) })
	if !found {
		i--
	}
	if i < 0 || !t.nodes[i].covers(p) {
		return nil, false
	}
	return &t.nodes[i], true
}

// key derives the message key at p, or ErrErased.
func (t Tree) key(p path) ([keyBytes]byte, error) {
	n, ok := t.find(p)
	if !ok {
		return [keyBytes]byte{}, ErrErased
	}
	return n.messageKey(p), nil
}

// PunctureTenant returns t without any key of the tenant.
func (t Tree) PunctureTenant(tenant string) Tree { return t.puncture(tenantPath(tenant), tenantDepth) }

// PunctureMessage returns t without the key of one message. It grows the tree by at most 104 nodes.
func (t Tree) PunctureMessage(tenant, message string) Tree {
	return t.puncture(messagePath(tenantPath(tenant), message), leafDepth)
}

func (t Tree) puncture(p path, depth int) Tree {
	top := p.prefix(depth)
	left := make([]node, 0, len(t.nodes)+depth)
	for _, n := range t.nodes {
		switch {
		case n.depth <= depth && n.covers(top):
			for d := n.depth + 1; d <= depth; d++ {
				left = append(left, n.descend(p.sibling(d), d))
			}
		case n.depth > depth && n.prefix.prefix(depth) == top:
		default:
			left = append(left, n)
		}
	}
	slices.SortFunc(left, byPrefix)
	return Tree{nodes: left}
}

func byPrefix(a, b node) int {
	return cmp.Or(slices.Compare(a.prefix[:], b.prefix[:]), cmp.Compare(a.depth, b.depth))
}

// Format prints [redacted] for every verb.
func (Tree) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// LogValue logs [redacted].
func (Tree) LogValue() slog.Value { return slog.StringValue("[redacted]") }
