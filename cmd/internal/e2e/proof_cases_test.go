package e2e

import (
	"fmt"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// proofCase is one way for the world to be when content falls due.
type proofCase struct {
	name                string
	short               bool // also in the short form
	alone               bool // not beside others
	transit, diagnostic time.Duration
	lanes               []time.Duration // windows in service beside these
	once                bool            // one wave of requests, and then nothing
	zero                bool            // every other request asks for window zero
	stuck               bool            // deliver never gets from an outcome to its copy
	after               func(*proof)    // once all is delivered
}

const (
	short  = 15 * time.Second
	longer = 25 * time.Second
)

var proofCases = []proofCase{
	{name: "all running", short: true, transit: longer, diagnostic: short},
	{name: "redact dead", transit: longer, diagnostic: short, after: func(p *proof) { p.processes["redact"].Kill() }},
	{name: "all dead", short: true, transit: longer, diagnostic: short, after: allDie},
	{name: "broker restarted across the deadline", alone: true, transit: longer, diagnostic: short, after: restartBroker},
	{name: "long delivery window, short and zero diagnostic window", short: true, transit: 70 * time.Second, diagnostic: 10 * time.Second, zero: true, after: transitOutlives},
	{name: "deliver dead between outcome and copy", transit: longer, diagnostic: short, stuck: true, after: killDeliver},
	{name: "deliver restarted, late copy to a shorter lane", transit: 70 * time.Second, diagnostic: 55 * time.Second, lanes: []time.Duration{short},
		stuck: true, after: func(p *proof) { restartDeliver(p, short) }},
	{name: "deliver restarted, late copy not written", short: true, transit: 40 * time.Second, diagnostic: short, stuck: true, after: func(p *proof) { restartDeliver(p, 0) }},
	{name: "idle topics", transit: longer, diagnostic: short, once: true},
}

// windows in service, ascending.
func (c *proofCase) windows() []time.Duration {
	all := append([]time.Duration{c.transit, c.diagnostic}, c.lanes...)
	slices.Sort(all)
	return slices.Compact(all)
}

// waves of requests.
func (c *proofCase) waves() int {
	if c.once {
		return 1
	}
	return 4
}

// allDie leaves the broker alone with everything. Nobody is there to trim requests behind their commit: they have the window
// too.
func allDie(p *proof) {
	p.must(p.cluster.AlterConfigs(p.ctx, wire.Requests, map[string]string{"retention.ms": fmt.Sprint(longer.Milliseconds())}))
	p.Close()
}

func restartBroker(p *proof) {
	time.Sleep(time.Until(p.deadline().Add(-4 * time.Second))) // not a wait for something: it is the time that matters
	shared.Kill()
	time.Sleep(time.Until(p.deadline()))
	p.must(shared.Restart(p.ctx))
	p.restarted = time.Now()
	p.log("the broker was down across the deadline")
}

// transitTopics hold copies sealed for transit.
var transitTopics = []string{wire.ValidatedT, wire.RoutedT, "retry."}

// transitOutlives: the seeds of transit live long after the diagnostic copies. Meanwhile nothing can be opened, since the
// transit copies are trimmed; and of a message of window zero there is no copy at all.
func transitOutlives(p *proof) {
	p.await("transit copies are trimmed", 200*time.Millisecond, func() error {
		sealed, _ := p.open(transitTopics...)
		return unless(sealed == 0, "%d are left", sealed)
	})
	if sealed, _ := p.open("delivered."); sealed > 2*(p.requests-p.none) {
		p.t.Errorf("%d values in the lanes of %d messages, %d of window zero", sealed, p.requests, p.none)
	}
	p.until(func() time.Time { return p.deadlineOf(p.diagnostic) })
	_, opened := p.open(append(transitTopics, "delivered.")...)
	live := 0
	for _, s := range p.seeds.all {
		if s.window == p.transit && s.unread.IsZero() {
			live++
		}
	}
	p.log("the diagnostic window is over: %d values open, %d seeds of transit live", opened, live)
	if opened > 0 || live == 0 {
		p.t.Errorf("past the diagnostic window %d values open, with %d seeds of transit alive", opened, live)
	}
}

// killDeliver kills deliver when all outcomes are in the log and no copy is written.
func killDeliver(p *proof) {
	p.processes["deliver"].Kill()
	delete(p.processes, "deliver")
	n, err := p.copies()
	p.must(err)
	p.must(unless(n == 0, "%d copies are written: deliver was not stuck", n))
	p.log("deliver is dead between outcome and copy")
}

// restartDeliver has another deliver make the copies, late, in the lane of a window, or without content (0). They end no
// later than they would have in time.
func restartDeliver(p *proof, lane time.Duration) {
	killDeliver(p)
	p.processes["deliver"] = p.start("deliver", nil)
	p.await("late copies are written", 200*time.Millisecond, func() error {
		n, err := p.copies()
		return unless(err == nil && n >= p.requests, "%d of %d, %v", n, p.requests, err)
	})
	for _, w := range p.windows() {
		if sealed, _ := p.open(wire.DeliveredLane(w)); (sealed > 0) != (w == lane) {
			p.t.Errorf("%d sealed values in the lane of %v", sealed, w)
		}
	}
	ledger, err := p.Ledger(p.ctx)
	p.must(err)
	if ledger.Doubles > 0 {
		p.t.Errorf("%d messages were sent twice", ledger.Doubles)
	}
	outcomes, err := p.finals()
	p.must(err)
	var last time.Time
	for _, at := range outcomes {
		if at.After(last) {
			last = at
		}
	}
	p.until(func() time.Time { return last.Add(seal.Bound(p.diagnostic, bucket, check)) })
	if _, opened := p.open("delivered."); opened > 0 {
		p.t.Errorf("%d late copies can be opened after the window of their outcome", opened)
	}
}
