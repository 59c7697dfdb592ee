package deliver

import (
	"errors"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Partition is the state of one partition of routed, its lanes, attempts and status. It is used by one goroutine.
type Partition struct {
	cfg      Config
	messages map[key]*message
	past     kept[past]    // messages that are over
	resting  kept[resting] // messages that lie in a lane
	whole    []met         // those in messages, and some that were, for pruning
	hand     int           // in whole
	senders  map[string]*sender
	stops    map[string]schemas.Stop   // set here and maybe not yet in the register
	flight   int                       // claims and calls under way
	crowded  []*sender                 // numbers without any that wait for room
	waiting  map[key][]pipeline.Record // callbacks whose claims were not read yet
	timers   timers
	number   int              // of the partition, as attempts tell
	since    time.Time        // every attempt appended from here on is in messages, past or resting
	reading  []*work          // wait for a ReadBack
	ahead    map[towards]bool // whom those are for
	caughtUp bool
	draining bool
	seq      uint64

	pruneFrom time.Time             // nothing is forgotten before
	next      pipeline.Next[Effect] // the answer of the running Step
	begun     *work                 // by the running Step, from the record that arrived
}

// New returns an empty Partition; it opens nothing.
func New(cfg Config) *Partition {
	return &Partition{
		cfg: cfg, messages: make(map[key]*message), senders: make(map[string]*sender),
		stops: make(map[string]schemas.Stop), ahead: make(map[towards]bool), since: cfg.Since,
	}
}

// Step takes one input at one moment and returns what follows from it. now must carry a monotonic reading: claims live
// by it.
func (p *Partition) Step(now time.Time, in pipeline.Input) pipeline.Next[Effect] {
	p.next, p.begun = pipeline.Next[Effect]{}, nil
	switch in := in.(type) {
	case pipeline.Arrived:
		p.arrived(now, in.Record)
	case pipeline.Performed[Effect]:
		p.performed(now, in.Effect, in.Result)
	case pipeline.CaughtUp:
		p.caughtUp = true
		p.keepAll(now)
	case pipeline.Draining:
		p.draining = true
	}
	p.fire(now)
	p.prune(now)
	if len(p.timers) > 0 {
		p.next.WakeAt = p.timers[0].at
	}
	return p.next
}

// rejectPanic turns a panic on a record of routed, a lane or status into its rejection, so that one record cannot stop a
// partition at every restart. Elsewhere a panic is ours: the process stops.
func (p *Partition) rejectPanic(now time.Time, r pipeline.Record) {
	if r.Topic == TopicAttempts || recover() == nil {
		return
	}
	reject := Reject{Record: r, Reason: pipeline.ReasonPanic, w: &work{from: []pipeline.Position{r.Position}, over: true}}
	if w := p.begun; w != nil { // a second copy of the record must not wait for it
		if p.unmind(w); w.state == queued {
			p.leave(now, w)
		}
		w.send.live = nil
		w.msg.forget(w.send)
		p.next.Effects = slices.DeleteFunc(p.next.Effects, func(e Effect) bool { return e.cause() == w })
		reject.Of = &w.routed.Validated
	}
	p.do(reject)
}

func (p *Partition) arrived(now time.Time, r pipeline.Record) {
	defer p.rejectPanic(now, r)
	switch r.Topic {
	case TopicAttempts:
		p.attempt(now, r)
	case TopicStatus:
		p.status(now, r)
	default:
		p.routed(now, r)
	}
}

// do asks for an effect; a work is not over before its effects are performed.
func (p *Partition) do(e Effect) {
	if w := e.cause(); w != nil {
		w.pending++
	}
	p.next.Effects = append(p.next.Effects, e)
}

func (p *Partition) performed(now time.Time, e Effect, result any) {
	w := e.cause()
	if w != nil {
		w.pending--
	}
	switch e := e.(type) {
	case Dial:
		p.answered(now, w, result.(Answer))
	case Park:
		p.parked(now, w, e, result.(pipeline.Position))
	case Copy:
		if e.Resealed {
			break
		}
		made, _ := result.(*schemas.Copy)
		p.copied(now, w, e, made)
	case ReadBack:
		p.readBack(now, e, result.(Older))
	case Reread:
		p.reread(now, w, result.(pipeline.Record))
	case Recall:
		p.recalled(now, result.(pipeline.Record))
	}
	if w != nil {
		p.settleUp(w)
	}
}

// reject sends a record that cannot be read to the dead letters.
func (p *Partition) reject(r pipeline.Record, err error) {
	reason := schemas.ReasonUndecodable
	var decode *schemas.DecodeError
	if errors.As(err, &decode) {
		reason = decode.Reason
	}
	p.do(Reject{Record: r, Reason: reason, w: &work{from: []pipeline.Position{r.Position}, over: true}})
}

// routed takes a message from routed or from a lane.
func (p *Partition) routed(now time.Time, r pipeline.Record) {
	record, err := schemas.Routeds.Decode(r.Value)
	if err != nil {
		p.reject(r, err)
		return
	}
	m := p.message(keyOf(record.TenantID, record.MessageID), now)
	accepted, source := record.AcceptedAt.UnixMicro(), originOf(record.Source)
	s := m.send(accepted)
	if s == nil {
		s = &send{accepted: accepted, source: source}
		m.sends = append(m.sends, s)
	}
	if s.source != source { // published twice within one millisecond
		p.repeated(now, &work{routed: record, from: []pipeline.Position{r.Position}, msg: m}, record.AcceptedAt)
		return
	}
	back := r.Topic != TopicRouted
	turn := s.parked == r.Position
	if turn {
		s.parked = pipeline.Position{}
	}
	switch {
	case s.live != nil && !(turn && s.live.over && !s.done): // a second copy of what is under way, or still being told, ends with it
		p.resealed(now, s.live, s, record)
		s.live.from = append(s.live.from, r.Position)
		return
	case s.done:
		w := &work{routed: record, from: []pipeline.Position{r.Position}, over: true}
		if p.resealed(now, w, s, record); w.pending == 0 {
			p.next.Finished = append(p.next.Finished, r.Position)
		}
		p.retire(m)
		return
	}
	p.begin(now, m, s, record, []pipeline.Position{r.Position}, back)
}

func (p *Partition) begin(now time.Time, m *message, s *send, record schemas.Routed, from []pipeline.Position, back bool) {
	p.seq++
	s.seed = seedOf(record.Seed)
	w := &work{routed: record, from: from, msg: m, send: s, seq: p.seq, back: back}
	s.live, p.begun = w, w
	if p.reaches(w).Before(earlier(m.since, p.since)) || p.ahead[w.towards()] {
		if p.await(w); len(p.reading) == 1 {
			p.do(ReadBack{From: p.reaches(w), To: p.since})
		}
		return
	}
	p.advance(now, w)
}

// await has a message wait for a ReadBack, and those behind it to the same person with it: order comes first.
func (p *Partition) await(w *work) {
	p.reading = append(p.reading, w)
	p.ahead[w.towards()] = true
}

// towards is a number and a person, within whom order is kept.
type towards struct{ sender, ref string }

func (w *work) towards() towards { return towards{w.routed.Sender, string(w.routed.RecipientRef())} }

// reaches is how far back attempts must be known before a message is acted on.
func (p *Partition) reaches(w *work) time.Time { return w.routed.AcceptedAt.Add(-p.cfg.Horizon) }

// readBack puts older attempts where they belong and goes on with those that waited for them.
func (p *Partition) readBack(now time.Time, e ReadBack, older Older) {
	for _, r := range older.Records {
		if m, e, ok := p.fold(now, r); ok {
			p.former(m, e)
		}
	}
	if older.Next > 0 {
		p.do(ReadBack{From: e.From, To: e.To, Next: older.Next})
		return
	}
	p.since = e.From // prune has let it stand meanwhile
	p.keepAll(now)
	waiting := p.reading
	p.reading, p.ahead = nil, map[towards]bool{}
	oldest := p.since
	for _, w := range waiting {
		if !p.reaches(w).Before(p.since) && !p.ahead[w.towards()] {
			w.msg.since = p.since
			p.advance(now, w)
			continue
		}
		p.await(w)
		oldest = earlier(oldest, p.reaches(w))
	}
	if len(p.reading) > 0 {
		p.do(ReadBack{From: oldest, To: p.since})
	}
}

// attempt takes a record of the log: folds it in and goes on with the work that waited for it.
func (p *Partition) attempt(now time.Time, r pipeline.Record) {
	m, e, ok := p.fold(now, r)
	if !ok {
		return
	}
	if e.Class == schemas.Claim && len(p.waiting) > 0 {
		p.claimRead(now, m.key)
	}
	s := m.send(e.accepted)
	switch {
	case s == nil:
		p.former(m, e)
	case s.live != nil:
		p.logged(now, s.live, e)
	case s.parked.Topic != "" && e.Class.Final():
		p.recall(s)
	default:
		p.retire(m)
	}
	if e.Class == schemas.OutcomeSent { // also in a replay: who read it first may have died before it was told
		p.late(m, e)
	}
}

// former keeps little of what a former owner wrote of a message that was not met here: of one that ended, which that owner
// may not have concluded, where its outcome stands. An outcome without a claim is kept whole, since a claim before it, when
// it is read back, would undo it.
func (p *Partition) former(m *message, e entry) {
	if e.Class.Final() && m.send(e.accepted) == nil {
		if final := m.stand(e.accepted, p.cfg.Horizon).final; final != nil && !final.over && final.ClaimID != "" {
			m.compact(e.accepted, *final)
		}
	}
	p.retire(m)
}

// fold inserts one record of attempts; false when it cannot be read or stands there already.
func (p *Partition) fold(now time.Time, r pipeline.Record) (*message, entry, bool) {
	a, err := schemas.Attempts.Decode(r.Value)
	if err != nil {
		p.reject(r, err)
		return nil, entry{}, false
	}
	m := p.message(keyOf(a.TenantID, a.MessageID), r.AppendedAt)
	e := entry{offset: r.Offset, at: r.AppendedAt, accepted: a.AcceptedAt.UnixMicro(), source: originOf(a.Source), Attempt: &a}
	if !m.insert(e) {
		p.retire(m)
		return nil, entry{}, false
	}
	p.number = r.Partition
	p.observe(now, m, e)
	return m, e, true
}
