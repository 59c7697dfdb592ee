package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Bounds of one INSERT that a Gatherer makes, beside the time it waits.
const (
	gatheredRows  = 50_000
	gatheredBytes = 32 << 20
)

// insertsAtOnce lets one INSERT be encoded while the server takes another.
const insertsAtOnce = 2

// Gatherer inserts the events of all partitions of a process: ClickHouse wants few, large inserts. What is written while
// others wait or are being inserted goes into one INSERT under one token, and each writer returns once that is
// acknowledged. Events wait as the bytes of their records: so the collector has nothing to walk, and one that waits takes
// a third of the memory.
type Gatherer struct {
	target   *target[schemas.Event]
	progress *target[part]
	graves   *target[grave]
	deleted  *graveyard
	linger   time.Duration
	full     int
	slots    chan struct{}

	mu   sync.Mutex
	open *gathering // takes more; nil for none
}

// gathering is one INSERT: the parts of its writers, end to end.
type gathering struct {
	parts   []part
	rows    int
	bytes   int
	writers int
	hurry   func() // ends the waiting for more
	deleted *graveyard
	found   graves
	ctx     context.Context
	cancel  context.CancelFunc // when no writer waits any more
	done    chan struct{}
	err     error
}

type part struct {
	span   pipeline.Span
	values []Value
}

// Value is an event as its record holds it, which Admit let pass.
type Value struct {
	Bytes      []byte
	AppendedAt int64 // Unix milliseconds
}

// GatherEvents returns a Gatherer that waits for others at most linger, and not at all for a writer with full rows, which
// lags behind.
func GatherEvents(db *DB, linger time.Duration, full int) *Gatherer {
	return &Gatherer{
		target: newTarget(db, eventsTable()), progress: newTarget(db, progressTable()), graves: newTarget(db, gravesTable()),
		deleted: &graveyard{db: db},
		linger:  linger, full: full, slots: make(chan struct{}, insertsAtOnce),
	}
}

// Write inserts events and notes how far their partition has come. When ctx ends first they may be inserted all the same.
func (g *Gatherer) Write(ctx context.Context, span pipeline.Span, values []Value) error {
	if len(values) == 0 {
		return nil
	}
	joined := g.join(ctx, part{span, values})
	select {
	case <-joined.done:
		return joined.err
	case <-ctx.Done():
		g.leave(joined)
		return ctx.Err()
	}
}

func (g *Gatherer) join(ctx context.Context, p part) *gathering {
	size := 0
	for _, v := range p.values {
		size += len(v.Bytes)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if o := g.open; o != nil && (o.rows+len(p.values) > gatheredRows || o.bytes+size > gatheredBytes) {
		o.hurry()
		g.open = nil
	}
	if g.open == nil {
		g.open = g.begin(ctx)
	}
	o := g.open
	o.parts, o.rows, o.bytes, o.writers = append(o.parts, p), o.rows+len(p.values), o.bytes+size, o.writers+1
	if len(p.values) >= g.full {
		o.hurry()
	}
	return o
}

// begin opens a gathering. It outlives the writer that opened it: only when all have left is it given up.
func (g *Gatherer) begin(ctx context.Context) *gathering {
	o := &gathering{done: make(chan struct{}), deleted: g.deleted}
	o.ctx, o.cancel = context.WithCancel(context.WithoutCancel(ctx))
	hurried := make(chan struct{})
	o.hurry = sync.OnceFunc(func() { close(hurried) })
	go func() {
		defer close(o.done)
		defer o.cancel()
		linger := time.NewTimer(g.linger)
		defer linger.Stop()
		select {
		case <-linger.C:
		case <-hurried:
		}
		g.slots <- struct{}{} // while none is free more may join
		defer func() { <-g.slots }()
		g.mu.Lock()
		if g.open == o {
			g.open = nil
		}
		g.mu.Unlock()
		o.err = g.insert(o)
	}()
	return o
}

// insert inserts the events, then tombstones of sends among them, so that the next callback of theirs finds them, and then
// notes how far the partitions are.
func (g *Gatherer) insert(o *gathering) error {
	token := o.token()
	err := g.target.insert(o.ctx, token, o)
	if err == nil && len(o.found) > 0 {
		err = g.graves.insert(o.ctx, "tombstones/"+token, o.found)
	}
	if err == nil {
		err = g.progress.insert(o.ctx, token, whole[part](o.parts))
	}
	return err
}

func (g *Gatherer) leave(o *gathering) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o.writers--; o.writers == 0 {
		o.cancel()
		o.hurry()
		if g.open == o {
			g.open = nil
		}
	}
}

// token names the rows as target.token does.
func (o *gathering) token() string {
	h := xxhash.New()
	spans := make([]string, len(o.parts))
	for i, p := range o.parts {
		spans[i] = fmt.Sprintf("%s/%d/%d-%d", p.span.Topic, p.span.Partition, p.span.First, p.span.Next)
		for _, v := range p.values {
			_, _ = h.Write(v.Bytes)
		}
	}
	return fmt.Sprintf("events/%s/%016x", strings.Join(spans, ","), h.Sum64())
}

func progressTable() table[part] {
	return table[part]{name: "progress", columns: []column[part]{
		values("topic", lowCardinality, func(p *part) string { return p.span.Topic }),
		values("partition", "Int32", func(p *part) int32 { return int32(p.span.Partition) }),
		values("next_offset", "Int64", func(p *part) int64 { return p.span.Next }),
		values("complete_to", micros, func(p *part) time.Time { return time.UnixMilli(p.values[len(p.values)-1].AppendedAt).UTC() }),
	}}
}

// chunk is how many events are decoded at a time.
const chunk = 1024

// chunks decodes the events, some at a time into the same memory, and leaves out what was deleted. The tombstones are read
// for each INSERT, so that a deletion needs to wait for those under way only.
func (o *gathering) chunks(yield func([]schemas.Event) error) error {
	deleted, err := o.deleted.read(o.ctx)
	if err != nil {
		return err
	}
	o.found = graves{}
	events := make([]schemas.Event, 0, min(chunk, o.rows))
	for _, p := range o.parts {
		for _, v := range p.values {
			e, err := schemas.Events.Decode(v.Bytes)
			if err != nil {
				return fmt.Errorf("decode an event that was decoded before: %w", err)
			}
			if through, ok := deleted.byRef(&e); ok {
				if !deleted.bySend(&e) {
					o.found[sendOf(&e)] = through
				}
				continue
			}
			if _, ok := o.found[sendOf(&e)]; ok || deleted.bySend(&e) {
				continue
			}
			if events = append(events, e); len(events) == cap(events) {
				if err := yield(events); err != nil {
					return err
				}
				events = events[:0]
			}
		}
	}
	return yield(events)
}
