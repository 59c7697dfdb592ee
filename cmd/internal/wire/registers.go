package wire

import (
	"context"
	"errors"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

// registers are the compacted topics that stages decide by.
type registers struct {
	tenants  *kafka.Table[schemas.Tenant]
	stops    *kafka.Table[schemas.Stop]
	objected *objections
	owners   *owners
}

func newRegisters(p *boot.Process) registers {
	tenants := kafka.NewTable(p.Cluster, TenantsT, schemas.Tenants.Decode, p.Log)
	return registers{
		tenants:  tenants,
		stops:    kafka.NewTable(p.Cluster, StopsT, schemas.Stops.Decode, p.Log),
		objected: newObjections(p),
		owners:   &owners{tenants: tenants},
	}
}

// tenant looks a tenant up.
func (r registers) tenant(id string) (schemas.Tenant, bool) { return r.tenants.Get(id) }

// stopped looks a stop up; a lifted or past one is none.
func (r registers) stopped(scope, id string) (schemas.Stop, bool) {
	s, ok := r.stops.Get(StopKey(scope, id))
	if !ok || s.Effect == "" || (!s.Until.IsZero() && time.Now().After(s.Until)) {
		return schemas.Stop{}, false
	}
	return s, true
}

// stop looks a stop up as it stands in the register, lifted or past ones too.
func (r registers) stop(scope, id string) (schemas.Stop, bool) {
	return r.stops.Get(StopKey(scope, id))
}

// refsKey returns the wrapped key of a tenant's refs.
func (r registers) refsKey(id string) ([]byte, bool) {
	t, ok := r.tenants.Get(id)
	return t.RefsKey, ok && len(t.RefsKey) > 0
}

// StopKey is the key of a stop in its topic.
func StopKey(scope, id string) string { return scope + "/" + id }

var errRegisters = errors.New("registers are not read to their end yet")

// complete are closed once each register was read to its end.
func (r registers) complete() []<-chan struct{} {
	return []<-chan struct{}{r.tenants.Ready(), r.stops.Ready(), r.objected.table.Ready()}
}

// ready is nil once every register was read to its end.
func (r registers) ready() error {
	for _, c := range r.complete() {
		select {
		case <-c:
		default:
			return errRegisters
		}
	}
	return nil
}

// run follows the registers and starts work once they were read to their end: a stage fails closed.
func (r registers) run(ctx context.Context, work ...func(context.Context) error) error {
	return together(ctx, r.tenants.Run, r.stops.Run, r.objected.table.Run, func(ctx context.Context) error {
		for _, c := range r.complete() {
			select {
			case <-c:
			case <-ctx.Done():
				return nil
			}
		}
		return together(ctx, work...)
	})
}

// ReadRegister reads a compacted topic to its end, once: the last value of each key.
func ReadRegister[T any](ctx context.Context, c *kafka.Cluster, topic string, decode func([]byte) (T, error)) (map[string]T, error) {
	topics, err := c.Topics(ctx)
	if err != nil {
		return nil, err
	}
	register := map[string]T{}
	for partition := range topics[topic] {
		err := Scan(ctx, c.Tail(topic, partition, kafka.Beginning), func(r pipeline.Record) error {
			if len(r.Value) == 0 {
				delete(register, string(r.Key))
				return nil
			}
			v, err := decode(r.Value)
			if err == nil {
				register[string(r.Key)] = v
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return register, nil
}
