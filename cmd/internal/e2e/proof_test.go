package e2e

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

var allProofs = flag.Bool("proof", false, "run every case of the proof of erasure, not the short form")

const (
	transitWindow    = 25 * time.Second
	diagnosticWindow = 15 * time.Second
	bucket           = time.Second
	check            = time.Second // log.retention.check.interval.ms of the shared broker
	// restartSlack is log.initial.task.delay.ms: a broker that was down first looks so long after it is up.
	restartSlack = 30 * time.Second
	// looking is how much later than the bound the test looks, since it shares two cores with all it runs.
	looking = 2 * time.Second
)

// proofCase is one way for the world to be when content falls due.
type proofCase struct {
	name      string
	short     bool          // also in the short form
	ingress   time.Duration // retention of requests where nobody may be there to trim them; 0: a day, as planned
	delivered func(*proof)  // once all is delivered
}

var proofCases = []proofCase{
	{name: "all running", short: true},
	{name: "redact dead", delivered: func(p *proof) { p.processes["redact"].Kill() }},
	{name: "all dead", short: true, ingress: transitWindow, delivered: func(p *proof) { p.Close() }},
	{name: "broker restarted across the deadline", delivered: func(p *proof) {
		time.Sleep(time.Until(p.deadline().Add(-4 * time.Second))) // not a wait for something: it is the time that matters
		shared.Kill()
		time.Sleep(time.Until(p.deadline()))
		p.must(shared.Restart(p.ctx))
		p.restarted = time.Now()
		p.log("the broker was down across the deadline")
	}},
}

// Goal: content is gone from a real broker once its window and the stated bound are over, whoever of us still runs: no key
// that is left opens anything, and no byte of content, recipient or seed lies in the broker's files. Method: a request of
// every kind with random canaries in every field, separate processes, uncompressed topics; before the deadline the same
// scan finds them and the same opener opens them. Cases run side by side; a broker that restarts has its turn alone.
func TestProofContentIsGoneFromARealBroker(t *testing.T) {
	t.Run("cases", func(t *testing.T) {
		for i, c := range proofCases[:3] {
			if c.short || *allProofs {
				t.Run(c.name, func(t *testing.T) { prove(t, c, i) })
			}
		}
	})
	if c := proofCases[3]; *allProofs {
		t.Run(c.name, func(t *testing.T) { prove(t, c, 3) })
	}
}

// proof is one case on its way.
type proof struct {
	*world
	cluster   *kafka.Cluster
	canaries  *canaries
	requests  int // published and not to be rejected
	processes map[string]*deployment.Process
	seeds     seedWatch
	restarted time.Time
}

func prove(t *testing.T, c proofCase, number int) {
	p := &proof{canaries: newCanaries(), world: newWorld(t, fmt.Sprintf("proof%d.", number), 5*time.Minute, map[string]string{
		"WL_WINDOWS":         seal.WindowName(diagnosticWindow) + "," + seal.WindowName(transitWindow),
		"WL_DELIVERY_WINDOW": seal.WindowName(transitWindow), "WL_DIAGNOSTIC_WINDOW": seal.WindowName(diagnosticWindow),
	})}
	p.engine()
	_, err := p.Wlctl(p.ctx, "setup", "--apply", "--tenants", p.Tenants())
	p.must(err)
	p.cluster = p.world.cluster(p.prefix())
	p.settings(c)
	t.Cleanup(p.Close) // before the engine ends, which waits for its clients
	t.Parallel()

	p.publish()
	p.found()
	p.stages()
	for range waves - 1 { // so that there are seeds of several buckets
		time.Sleep(bucket)
		p.publish()
	}
	p.await("all are delivered", 200*time.Millisecond, p.delivered)
	p.readable()
	if c.delivered != nil {
		c.delivered(p)
	}
	p.gone()
}

// settings makes topics uncompressed, so that a scan of bytes sees what is in them, and lets those that are trimmed roll
// within seconds instead of minutes.
func (p *proof) settings(c proofCase) {
	topics, err := p.cluster.Topics(p.ctx)
	p.must(err)
	for topic := range topics {
		changed := map[string]string{"compression.type": "uncompressed"}
		if among(topic, []string{wire.Requests, wire.ValidatedT, wire.RoutedT, "retry."}) {
			changed["segment.ms"] = "1000"
		}
		if topic == wire.Requests && c.ingress > 0 {
			changed["retention.ms"] = fmt.Sprint(c.ingress.Milliseconds())
		}
		p.must(p.cluster.AlterConfigs(p.ctx, topic, changed))
	}
}

const (
	waves       = 4
	rejectedToo = 2 // published records of a wave that are rejected
)

// publish appends a wave: every kind of request, one for an unknown tenant and one that no codec reads.
func (p *proof) publish() {
	requests := p.canaries.requests()
	p.requests += len(requests)
	stranger := validatetest.Good(requests[0].MessageID, p.canaries.phone())
	stranger.TenantID, stranger.Content = "nobody", schemas.Text{Body: p.canaries.plant(32)}
	outputs := []pipeline.Output{{Topic: wire.Requests, Partition: 0, Value: []byte(p.canaries.plant(32))}}
	for _, r := range append(requests, stranger) {
		r.CreatedAt, r.Labels = time.Now(), map[string]string{}
		value, err := schemas.MessageRequests.Encode(&r)
		p.must(err)
		outputs = append(outputs, pipeline.Output{Topic: wire.Requests, Partition: pipeline.AnyPartition, Key: []byte(r.Recipient.Phone), Value: value})
	}
	_, err := p.cluster.Log().Append(p.ctx, outputs)
	p.must(err)
}

// found sees that the scan finds what was published while it is there.
func (p *proof) found() {
	found, _, err := p.canaries.files(shared.DataDir(), p.prefix())
	p.must(err)
	if len(found) == 0 {
		p.t.Fatal("the scan does not find the canaries in requests: it would find nothing later either")
	}
}

// stages starts the simulator and one of each binary.
func (p *proof) stages() {
	callbacks := deployment.FreeAddress()
	_, err := p.Simulate([]string{"http://" + callbacks + callbackIn})
	p.must(err)
	p.processes = p.startAll(callbacks)
	p.log("all processes are ready")
}

// delivered says whether every request has its final state and its copy, or its rejection.
func (p *proof) delivered() error {
	p.must(p.seeds.look(p))
	finals := 0
	attempts, err := p.read(p.cluster, wire.Attempts)
	for _, r := range attempts {
		if a, err := schemas.Attempts.Decode(r.Value); err == nil && a.Class.Final() {
			finals++
		}
	}
	copies, rejected := 0, 0
	if err == nil {
		copies, err = p.count(wire.DeliveredLane(diagnosticWindow))
	}
	if err == nil {
		rejected, err = p.count(wire.RejectedT)
	}
	n := p.requests
	return unless(err == nil && finals >= n && copies >= n && rejected >= waves*rejectedToo, "%d final, %d copies, %d rejected of %d, %v", finals, copies, rejected, n, err)
}

// count tells how many records were ever appended to a topic.
func (p *proof) count(topic string) (n int, err error) {
	topics, err := p.cluster.Topics(p.ctx)
	for partition := range topics[topic] {
		if err == nil {
			var next int64
			_, next, err = p.cluster.Bounds(p.ctx, topic, partition)
			n += int(next)
		}
	}
	return n, err
}

// deadline is when the last seed is promised to be gone, with every process of ours dead.
func (p *proof) deadline() time.Time {
	var last time.Time
	for _, s := range p.seeds.all {
		if at := s.at.Add(seal.Bound(s.window, bucket, check)); at.After(last) {
			last = at
		}
	}
	if p.restarted.IsZero() {
		return last
	}
	if at := p.restarted.Add(restartSlack + check); at.After(last) {
		return at
	}
	return last
}

// gone follows the seeds until the deadline and then looks everywhere.
func (p *proof) gone() {
	for late := p.deadline().Add(looking); time.Now().Before(late); time.Sleep(200 * time.Millisecond) {
		p.must(p.seeds.look(p))
		late = p.deadline().Add(looking) // more may have been sealed
	}
	p.log("the deadline of %d seeds is over: lateness %s", len(p.seeds.all), p.seeds.lateness())
	sealed, opened, err := p.open()
	p.must(err)
	if opened > 0 {
		p.t.Errorf("%d of %d sealed values can still be opened", opened, sealed)
	}
	for _, s := range p.seeds.all {
		p.canaries.add("seed", s.wrapped)
	}
	for where, dir := range map[string]string{"the broker": shared.DataDir(), "the logs": p.Dir} {
		found, scanned, err := p.canaries.files(dir, "")
		p.must(err)
		for file, hits := range found {
			p.t.Errorf("in the files of %s: %s holds %v", where, file, hits)
		}
		p.log("%s: %d KB scanned", where, scanned>>10)
	}
	p.log("%d sealed values are left, %d of them open", sealed, opened)
}
