package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

type seedID [seedIDBytes]byte

// errWiped says that a seed was let go of between being looked up and being used: look it up again.
var errWiped = errors.New("seed was wiped")

// seed is an opened seed: the one form in which keys exist in clear. Whoever lets go of it wipes it. Safe for concurrent
// use; prints as [redacted].
type seed struct {
	id     seedID
	family string
	nodes  *nodes // its owner's; guards what follows
	tree   Tree
	wiped  bool
}

func newSeed(family string, kept *nodes) *seed {
	s := &seed{family: family, nodes: kept}
	var root [nodeBytes]byte
	_, _ = rand.Read(s.id[:])
	_, _ = rand.Read(root[:])
	s.tree = newTree(root)
	clear(root[:])
	return s
}

// key derives the key of a message: ErrErased, or errWiped. 1 µs while the tenant's node is kept.
func (s *seed) key(tenant, message string) ([keyBytes]byte, error) {
	p := messagePath(tenantPath(tenant), message)
	s.nodes.mu.RLock()
	if n, ok := s.nodes.get(&s.id, &p); ok { // never of a wiped seed
		defer s.nodes.mu.RUnlock()
		return n.messageKey(p), nil
	}
	s.nodes.mu.RUnlock()
	return s.firstKey(p)
}

// firstKey derives a key whose tenant's node is not kept, and keeps that. Of a tenant of whom something was punctured
// there is no such node; its keys are not so far from what is left.
func (s *seed) firstKey(p path) ([keyBytes]byte, error) {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	if s.wiped {
		return [keyBytes]byte{}, errWiped
	}
	n, ok := s.tree.find(p)
	if !ok {
		return [keyBytes]byte{}, ErrErased
	}
	if n.depth > tenantDepth {
		return n.messageKey(p), nil
	}
	below := n.descend(p, tenantDepth)
	s.nodes.put(&s.id, &p, &below)
	return below.messageKey(p), nil
}

// wipe overwrites the seed and what is kept of it. Copies on stacks and in AES key schedules are left to the collector.
func (s *seed) wipe() {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	s.wiped = true
	clear(s.tree.nodes)
	s.nodes.forget(&s.id)
}

// clone returns the seed for another owner, who wipes it by itself.
func (s *seed) clone(kept *nodes) *seed {
	s.nodes.mu.RLock()
	defer s.nodes.mu.RUnlock()
	return &seed{id: s.id, family: s.family, nodes: kept, tree: Tree{nodes: slices.Clone(s.tree.nodes)}, wiped: s.wiped}
}

// wrap returns the seed's record for the key topic.
func (s *seed) wrap(ctx context.Context, keeper Keeper, now time.Time) (schemas.Seed, error) {
	list := s.tree.list()
	defer wipeList(list)
	plain, err := schemas.Nodes.Encode(list)
	if err != nil {
		return schemas.Seed{}, fmt.Errorf("encode seed: %w", err)
	}
	wrapped, err := keeper.Wrap(ctx, plain)
	clear(plain)
	if err != nil {
		return schemas.Seed{}, fmt.Errorf("wrap seed: %w", err)
	}
	record := schemas.Seed{SeedID: s.id[:], Version: version, FirstUseAt: now, Wrapped: wrapped}
	if v, ok := keeper.(interface{ Version() string }); ok {
		record.KeeperVersion = v.Version()
	}
	return record, nil
}

// unwrap opens a seed's record.
func unwrap(ctx context.Context, keeper Keeper, id seedID, family string, wrapped []byte, kept *nodes) (*seed, error) {
	plain, err := keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap seed: %w", err)
	}
	defer clear(plain)
	list, err := schemas.Nodes.Decode(plain)
	if err != nil {
		return nil, fmt.Errorf("decode seed: %w", err)
	}
	defer wipeList(&list)
	tree, err := treeOf(list)
	if err != nil {
		return nil, err
	}
	return &seed{id: id, family: family, nodes: kept, tree: tree}, nil
}

// list returns the tree in the form in which it is wrapped.
func (t Tree) list() *schemas.NodeList {
	list := &schemas.NodeList{Nodes: make([]schemas.Node, len(t.nodes))}
	for i, n := range t.nodes {
		list.Nodes[i] = schemas.Node{
			Depth:  int32(n.depth),
			Prefix: slices.Clone(n.prefix[:(n.depth+7)/8]),
			Node:   slices.Clone(n.key[:]),
		}
	}
	return list
}

func wipeList(list *schemas.NodeList) {
	for i := range list.Nodes {
		clear(list.Nodes[i].Node)
	}
}

// treeOf checks and takes a list of nodes: each well formed, none below another.
func treeOf(list schemas.NodeList) (Tree, error) {
	t := Tree{nodes: make([]node, len(list.Nodes))}
	for i, from := range list.Nodes {
		n := node{depth: int(from.Depth)}
		if n.depth < 0 || n.depth > leafDepth || len(from.Prefix) != (n.depth+7)/8 || len(from.Node) != nodeBytes {
			return Tree{}, fmt.Errorf("decode seed: node %d is malformed", i)
		}
		copy(n.prefix[:], from.Prefix)
		copy(n.key[:], from.Node)
		if !n.covers(n.prefix) {
			return Tree{}, fmt.Errorf("decode seed: prefix of node %d is not padded with zeros", i)
		}
		t.nodes[i] = n
	}
	slices.SortFunc(t.nodes, byPrefix)
	for i := 1; i < len(t.nodes); i++ {
		if t.nodes[i-1].covers(t.nodes[i].prefix) {
			return Tree{}, fmt.Errorf("decode seed: one node covers another")
		}
	}
	return t, nil
}

// Format prints [redacted] for every verb.
func (*seed) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }
