package wire

import (
	"sync"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

// objections is the register of suppressions, indexed by recipient. Facts merge by (effective_at, stop over resume), in
// whatever order they are read.
type objections struct {
	table *kafka.Table[struct{}]
	mu    sync.RWMutex
	facts map[objection]fact
}

type objection struct{ tenant, ref, category string }

type fact struct {
	at   time.Time
	stop bool
}

func newObjections(p *boot.Process) *objections {
	o := &objections{facts: map[objection]fact{}}
	o.table = kafka.NewTable(p.Cluster, Suppressions, func(value []byte) (struct{}, error) {
		s, err := schemas.Suppressions.Decode(value)
		if err == nil {
			o.merge(&s)
		}
		return struct{}{}, err
	}, p.Log)
	return o
}

func (o *objections) merge(s *schemas.Suppression) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := objection{s.TenantID, string(s.Ref), s.Category}
	old, known := o.facts[k]
	next := fact{s.EffectiveAt, s.State == "stop"}
	if !known || old.at.Before(next.at) || (old.at.Equal(next.at) && next.stop) {
		o.facts[k] = next
	}
}

// stand says whether an objection stands for any of a recipient's refs. An unknown category counts as marketing.
func (o *objections) stand(tenant string, refs [][]byte, category schemas.Category) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if len(o.facts) == 0 {
		return false
	}
	transactional := category == schemas.Utility || category == schemas.Authentication || category == schemas.Service
	for _, ref := range refs {
		if o.facts[objection{tenant, string(ref), "all"}].stop {
			return true
		}
		if !transactional && o.facts[objection{tenant, string(ref), "marketing"}].stop {
			return true
		}
	}
	return false
}
