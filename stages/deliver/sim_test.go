package deliver

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// world is Kafka, Meta and time in one deterministic simulator: virtual time, one event after the other. Owners of the
// partition come, crash, pause and go; topics, commits and the door outlive them.
type world struct {
	t         testing.TB
	now       time.Time
	events    eventHeap
	seq       int
	topics    map[string][]pipeline.Record
	done      map[pipeline.Position]bool
	due       map[pipeline.Position]time.Time // of parked records
	committed map[string]int64
	owners    []*owner
	ids       int
	effects   int // performed so far, over all owners

	tenant     schemas.Tenant
	stops      map[string]schemas.Stop
	suppressed map[string]bool

	door    func(call) Answer        // what Meta does with a call
	took    time.Duration            // how long it takes
	slow    func(call) time.Duration // the same by call, nil for took
	calls   []call
	told    []schemas.Event
	results []schemas.Outcome
	copies  map[string]int // by message and accepted_at
	named   []byte         // by copies: the first bytes of the seed ids
	rejects int
	// crash decides, before effect n takes place and again after it did but before its result is known.
	crash func(n int, after bool, e Effect) bool
	// ack says how much later effect n is acknowledged than it took place, and whether it is repeated for want of that.
	ack func(n int, e Effect) (late time.Duration, again bool)
}

// call is one request that reached the door.
type call struct {
	schemas.Identity
	at       time.Time
	attempt  int32
	sender   string
	to       string
	accepted bool
}

type eventAt struct {
	at  time.Time
	seq int
	do  func()
}

type eventHeap []eventAt

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(eventAt)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

var epoch = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, now: epoch, topics: map[string][]pipeline.Record{}, done: map[pipeline.Position]bool{}, due: map[pipeline.Position]time.Time{},
		committed: map[string]int64{}, stops: map[string]schemas.Stop{}, suppressed: map[string]bool{}, copies: map[string]int{},
		tenant: schemas.Tenant{TenantID: "acme", Status: "active", Senders: []schemas.Sender{{PhoneNumberID: "100"}}},
		took:   80 * time.Millisecond,
	}
	w.door = accept
	return w
}

// accept is Meta on a good day.
func accept(call) Answer {
	return Answer{Phase: Answered, Accepted: true, ProviderRef: []byte("provider-ref-16b")}
}

func refuse(code int32) Answer { return Answer{Phase: Answered, Refused: true, Code: code} }

func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, eventAt{w.now.Add(d), w.seq, do})
}

// run works until nothing is left to happen or the time is over.
func (w *world) run(until time.Duration) {
	end := epoch.Add(until)
	for len(w.events) > 0 && !w.events[0].at.After(end) {
		e := heap.Pop(&w.events).(eventAt)
		w.now = e.at
		e.do()
	}
	w.now = end
}

// append is an acknowledged append of the broker's.
func (w *world) append(topic string, value []byte) pipeline.Position {
	r := pipeline.Record{
		Position: pipeline.Position{Topic: topic, Offset: int64(len(w.topics[topic]))}, Value: value,
		AppendedAt: w.now.Truncate(time.Millisecond),
	}
	w.topics[topic] = append(w.topics[topic], r)
	for _, o := range w.owners {
		o.pump()
	}
	return r.Position
}

type option func(*schemas.Routed)

func to(ref string) option {
	return func(r *schemas.Routed) { r.RecipientRefs = [][]byte{[]byte(ref)} }
}
func as(c schemas.Category) option {
	return func(r *schemas.Routed) { r.Category = c }
}
func from(sender string) option { return func(r *schemas.Routed) { r.Sender = sender } }
func within(d time.Duration) option {
	return func(r *schemas.Routed) { r.ExpiresAt = r.AcceptedAt.Add(d) }
}
func accepted(at time.Time) option {
	return func(r *schemas.Routed) { r.AcceptedAt, r.ExpiresAt = at, at.Add(24*time.Hour) }
}

// route puts a message on routed, accepted now.
func (w *world) route(id string, options ...option) {
	r := routedAt(w.now.Truncate(time.Millisecond), id)
	r.Source.Offset = int64(len(w.topics[TopicRouted]))
	for _, o := range options {
		o(&r)
	}
	w.append(TopicRouted, must(schemas.Routeds.Encode(&r)))
}

func routedAt(at time.Time, id string) schemas.Routed {
	return schemas.Routed{
		Validated: schemas.Validated{
			Identity: schemas.Identity{TenantID: "acme", MessageID: id, AcceptedAt: at},
			Source:   schemas.Coordinates{Topic: "requests"}, ExpiresAt: at.Add(24 * time.Hour),
			Clear: schemas.Clear{
				Category: schemas.Utility, ContentType: "text", SizeClass: "64", Country: "DE", Window: "72h",
				RecipientRefs: [][]byte{[]byte("ref-of-" + id)}, Labels: map[string]string{}, TemplateRef: []byte("template"),
			},
			Payload: schemas.Sealed{Version: 1, Family: "24h", SeedID: make([]byte, 16), Nonce: make([]byte, 12), Ciphertext: []byte("x")},
			Seed:    schemas.SeedRef{Topic: "keys.24h", SeedID: make([]byte, 16), AppendedAt: at},
		},
		Route:  schemas.Route{Sender: "100", WABA: "waba", Region: "eu", Processor: "meta", TransferBasis: "same_region"},
		Origin: TopicRouted,
	}
}

// callback puts a reduced status callback on status.
func (w *world) callback(c call, status string, code int32) {
	s := schemas.Status{
		Identity: c.Identity, Attempt: c.attempt, Status: status, At: w.now.Truncate(time.Second), SenderID: c.sender,
		ProviderRef: []byte("provider-ref-16b"), ErrorCode: code, Category: schemas.Utility,
	}
	w.append(TopicStatus, must(schemas.Statuses.Encode(&s)))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// owner is one life of the partition's owner.
type owner struct {
	w       *world
	p       *Partition
	cursors map[string]int64
	waits   map[string]int64 // the head a lane waits for, plus one
	caught  bool
	dead    bool
	paused  bool
	backlog []func()
	wake    int
	busy    bool
}

// own starts an owner from what is committed, and fences all before it.
func (w *world) own() *owner {
	o := &owner{w: w, cursors: map[string]int64{}, waits: map[string]int64{}}
	oldest := w.now
	for _, topic := range lanesAndRouted() {
		o.cursors[topic] = w.committed[topic]
		for _, r := range w.topics[topic][w.committed[topic]:] {
			if m, err := schemas.Routeds.Decode(r.Value); err == nil && m.AcceptedAt.Before(oldest) {
				oldest = m.AcceptedAt
			}
		}
	}
	o.cursors[TopicStatus] = w.committed[TopicStatus]
	since := oldest.Add(-time.Hour)
	o.cursors[TopicAttempts] = int64(len(w.topics[TopicAttempts]))
	for i, r := range w.topics[TopicAttempts] {
		if !r.AppendedAt.Before(since) {
			o.cursors[TopicAttempts] = int64(i)
			break
		}
	}
	o.p = New(Config{
		Horizon: time.Hour, Since: since, NewID: func() string { w.ids++; return fmt.Sprint("id", w.ids) },
		Registers: Registers{
			Tenant:     func(string) (schemas.Tenant, bool) { return w.tenant, true },
			Stop:       func(scope, id string) (schemas.Stop, bool) { s, ok := w.stops[scope+"/"+id]; return s, ok },
			Suppressed: func(_ string, refs [][]byte, _ schemas.Category) bool { return w.suppressed[string(refs[0])] },
		},
	})
	w.owners = append(w.owners, o)
	o.pump()
	o.caught = true
	o.step(pipeline.CaughtUp{})
	o.pump()
	return o
}

func lanesAndRouted() []string {
	topics := []string{TopicRouted}
	for _, l := range Lanes {
		topics = append(topics, l.Topic)
	}
	return topics
}

func (o *owner) crashed() { o.dead = true }

// soon runs do for a living owner; for a paused one once it goes on.
func (o *owner) soon(d time.Duration, do func()) {
	o.w.after(d, func() { o.alive(do) })
}

func (o *owner) alive(do func()) {
	switch {
	case o.dead:
	case o.paused:
		o.backlog = append(o.backlog, do)
	default:
		do()
	}
}

func (o *owner) resume() {
	o.paused = false
	for _, do := range o.backlog {
		o.alive(do)
	}
	o.backlog = nil
	o.pump()
}

// pump brings what has arrived and is due.
func (o *owner) pump() {
	if o.dead || o.paused || o.busy {
		return
	}
	o.busy = true
	defer func() { o.busy = false }()
	topics := []string{TopicAttempts}
	if o.caught {
		topics = append(append(topics, TopicStatus), lanesAndRouted()...)
	}
	for again := true; again && !o.dead; {
		again = false
		for _, topic := range topics {
			for !o.dead && o.cursors[topic] < int64(len(o.w.topics[topic])) {
				r := o.w.topics[topic][o.cursors[topic]]
				if strings.HasPrefix(topic, "retry.") {
					if due := o.w.due[r.Position]; due.After(o.w.now) {
						if o.waits[topic] != r.Offset+1 {
							o.waits[topic] = r.Offset + 1
							o.soon(due.Sub(o.w.now), o.pump)
						}
						break
					}
				}
				o.cursors[topic]++
				again = true
				o.step(pipeline.Arrived{Record: r})
			}
		}
	}
}

func (o *owner) step(in pipeline.Input) {
	next := o.p.Step(o.w.now, in)
	for _, e := range next.Effects {
		o.soon(time.Millisecond, func() { o.perform(e) })
	}
	for _, p := range next.Finished {
		o.w.finish(o, p)
	}
	o.wake++
	if version := o.wake; !next.WakeAt.IsZero() {
		o.soon(max(0, next.WakeAt.Sub(o.w.now)), func() {
			if o.wake == version {
				o.step(pipeline.Woken{})
			}
		})
	}
}

// finish commits up to the lowest unfinished record, unless another owner has taken over.
func (w *world) finish(o *owner, p pipeline.Position) {
	if w.owners[len(w.owners)-1] != o {
		return
	}
	w.done[p] = true
	for w.done[pipeline.Position{Topic: p.Topic, Offset: w.committed[p.Topic]}] {
		w.committed[p.Topic]++
	}
}

func (o *owner) perform(e Effect) {
	w := o.w
	w.effects++
	n := w.effects
	if w.crash != nil && w.crash(n, false, e) {
		o.crashed()
		return
	}
	result, took := w.do(o, e)
	if _, dial := e.(Dial); w.ack != nil && !dial {
		late, again := w.ack(n, e)
		took += late
		if again {
			result, _ = w.do(o, e)
		}
	}
	if w.crash != nil && w.crash(n, true, e) {
		o.crashed()
		return
	}
	o.soon(took, func() {
		o.step(pipeline.Performed[Effect]{Effect: e, Result: result})
		o.pump()
	})
}

func (w *world) do(o *owner, e Effect) (any, time.Duration) {
	ack := 4 * time.Millisecond
	switch e := e.(type) {
	case AppendClaim:
		w.append(TopicAttempts, must(schemas.Attempts.Encode(&e.Attempt)))
	case AppendOutcome:
		w.append(TopicAttempts, must(schemas.Attempts.Encode(&e.Attempt)))
	case Dial:
		took := w.took
		if w.slow != nil {
			took = w.slow(callOf(w.now, e))
		}
		return w.dial(e), took
	case Park:
		at := pipeline.Position{Topic: e.Lane, Offset: int64(len(w.topics[e.Lane]))}
		w.due[at] = e.Routed.DueAt
		return w.append(e.Lane, must(schemas.Routeds.Encode(&e.Routed))), ack
	case Copy:
		w.named = append(w.named, e.Routed.Seed.SeedID[0])
		if !e.Resealed {
			w.copies[sendOf(e.Routed.Identity)]++
		}
		return &schemas.Copy{Topic: "delivered.72h"}, ack
	case Emit:
		w.told = append(w.told, e.Events...)
		w.results = append(w.results, e.Outcomes...)
	case SetStop:
		w.stops[e.Stop.Scope+"/"+e.Stop.ID] = e.Stop
	case Suppress:
		for _, s := range e.Suppressions {
			w.suppressed[string(s.Ref)] = true
		}
	case Reject:
		w.rejects++
	case Recall:
		return w.topics[e.At.Topic][e.At.Offset], ack
	case Reread:
		return w.topics[e.At.Topic][e.At.Offset], ack
	case ReadBack:
		var older Older
		for _, r := range w.topics[TopicAttempts] {
			if r.AppendedAt.Before(e.From) || !r.AppendedAt.Before(e.To) || r.Offset < e.Next {
				continue
			}
			if len(older.Records) == 3 { // few, so that parts follow each other
				older.Next = r.Offset
				break
			}
			older.Records = append(older.Records, r)
		}
		return older, ack
	}
	return nil, ack
}

func callOf(now time.Time, e Dial) call {
	return call{
		Identity: e.Routed.Identity, at: now, attempt: e.Claim.Attempt, sender: e.Routed.Sender, to: string(e.Routed.RecipientRef()),
	}
}

func (w *world) dial(e Dial) Answer {
	if !w.now.Before(e.Deadline) {
		return Answer{Phase: NotSent, Reason: ReasonClaimOver}
	}
	c := callOf(w.now, e)
	if !w.now.Before(e.Routed.ExpiresAt) {
		w.t.Errorf("%s: called %v after its deadline", c.MessageID, w.now.Sub(e.Routed.ExpiresAt))
	}
	a := w.door(c)
	if a.Phase != NotSent {
		c.accepted = a.Accepted
		w.calls = append(w.calls, c)
	}
	if a.Phase == Ambiguous {
		a.Accepted = false // it was taken, and we never hear of it
	}
	return a
}

func sendOf(i schemas.Identity) string {
	return i.MessageID + "@" + i.AcceptedAt.Format(time.RFC3339Nano)
}

// taken lists the calls that Meta accepted for a message.
func (w *world) taken(id string) (all []call) {
	for _, c := range w.calls {
		if c.MessageID == id && c.accepted {
			all = append(all, c)
		}
	}
	return all
}

// kinds lists the distinct kinds of events told of a message, final ones only.
func (w *world) finals(id string) (kinds []schemas.Kind) {
	for _, e := range w.told {
		switch e.Kind {
		case schemas.KindSent, schemas.KindFailed, schemas.KindUnknown, schemas.KindExpired, schemas.KindSuppressed:
			if e.MessageID == id && !slices.Contains(kinds, e.Kind) {
				kinds = append(kinds, e.Kind)
			}
		}
	}
	return kinds
}

func (w *world) reasons(id string, kind schemas.Kind) (reasons []string) {
	for _, e := range w.told {
		if e.MessageID == id && e.Kind == kind {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

// wantAllCommitted fails when a record was left behind.
func (w *world) wantAllCommitted() {
	w.t.Helper()
	for topic, records := range w.topics {
		if topic != TopicAttempts && w.committed[topic] != int64(len(records)) {
			w.t.Errorf("%s: committed %d of %d", topic, w.committed[topic], len(records))
		}
	}
}

func (w *world) want(id string, kinds ...schemas.Kind) {
	w.t.Helper()
	if got := w.finals(id); !slices.Equal(got, kinds) {
		w.t.Errorf("%s ended as %v, want %v", id, got, kinds)
	}
}
