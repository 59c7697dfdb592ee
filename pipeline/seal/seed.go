package seal

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// tenantsPerSeed bounds the tenant subtrees kept of one opened seed. Beyond it they are derived again, 64 levels each.
const tenantsPerSeed = 1024

type seedID [seedIDBytes]byte

// seed is an opened seed: the one form in which keys exist in clear. Safe for concurrent use; prints as [redacted].
type seed struct {
	id     seedID
	family string
	tree   Tree

	mu      sync.RWMutex
	tenants map[string]tenantTree
}

// tenantTree is what a seed knows of one tenant.
type tenantTree struct {
	path path
	tree Tree
}

func newSeed(family string) *seed {
	s := &seed{family: family}
	var root [nodeBytes]byte
	_, _ = rand.Read(s.id[:])
	_, _ = rand.Read(root[:])
	s.tree = newTree(root)
	return s
}

// key derives the key of a message, or ErrErased. 1 µs while the tenant's subtree is cached.
func (s *seed) key(tenant, message string) ([keyBytes]byte, error) {
	s.mu.RLock()
	t, ok := s.tenants[tenant]
	s.mu.RUnlock()
	if !ok {
		t.path = tenantPath(tenant)
		t.tree = s.tree.subtree(t.path, tenantDepth)
		s.remember(tenant, t)
	}
	return t.tree.key(messagePath(t.path, message))
}

func (s *seed) remember(tenant string, t tenantTree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants == nil || len(s.tenants) >= tenantsPerSeed {
		s.tenants = make(map[string]tenantTree)
	}
	s.tenants[tenant] = t
}

// wrap returns the seed's record for the key topic.
func (s *seed) wrap(ctx context.Context, keeper Keeper, now time.Time) (schemas.Seed, error) {
	plain, err := schemas.Nodes.Encode(s.tree.list())
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
func unwrap(ctx context.Context, keeper Keeper, id seedID, family string, wrapped []byte) (*seed, error) {
	plain, err := keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap seed: %w", err)
	}
	defer clear(plain)
	list, err := schemas.Nodes.Decode(plain)
	if err != nil {
		return nil, fmt.Errorf("decode seed: %w", err)
	}
	tree, err := treeOf(list)
	if err != nil {
		return nil, err
	}
	return &seed{id: id, family: family, tree: tree}, nil
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
