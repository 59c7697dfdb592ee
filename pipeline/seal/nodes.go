package seal

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// nodeSlots bounds the tenants' nodes that one Sealer or Opener keeps of all its seeds: 336 KiB. A power of two.
const nodeSlots = 1 << 13

// nodes keeps what was derived of tenants, so that a message costs 40 levels of its tree and not 104: one slot for each
// place that seed and tenant hash to, the last one in stays. Its lock is also that of the seeds it serves: whoever derives
// holds it for reading, so nothing is wiped under a derivation and nothing is put in after a wipe. The zero value is ready.
type nodes struct {
	mu    sync.RWMutex
	slots []slot // nil until the first node
}

type slot struct {
	seed   seedID
	tenant [tenantDepth / 8]byte
	key    [nodeBytes]byte
	used   bool
}

// Format prints [redacted] for every verb.
func (slot) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

func (c *nodes) slot(id *seedID, p *path) *slot {
	at := binary.LittleEndian.Uint64(id[:]) ^ binary.LittleEndian.Uint64(p[:])
	return &c.slots[at&(nodeSlots-1)]
}

// get returns the node of p's tenant below a seed, if it is kept. c.mu is held.
func (c *nodes) get(id *seedID, p *path) (n node, ok bool) {
	if c.slots == nil {
		return node{}, false
	}
	s := c.slot(id, p)
	if !s.used || s.seed != *id || s.tenant != [tenantDepth / 8]byte(p[:]) {
		return node{}, false
	}
	return node{depth: tenantDepth, prefix: p.prefix(tenantDepth), key: s.key}, true
}

// put keeps the node of p's tenant. c.mu is held for writing.
func (c *nodes) put(id *seedID, p *path, n *node) {
	if c.slots == nil {
		c.slots = make([]slot, nodeSlots)
	}
	*c.slot(id, p) = slot{seed: *id, tenant: [tenantDepth / 8]byte(p[:]), key: n.key, used: true}
}

// forget zeroes what is kept of a seed. c.mu is held for writing.
func (c *nodes) forget(id *seedID) {
	for i := range c.slots {
		if c.slots[i].seed == *id {
			c.slots[i] = slot{}
		}
	}
}

// Format prints [redacted] for every verb.
func (*nodes) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }
