package e2e

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

var allProofs = flag.Bool("proof", false, "run every case of the proof of erasure, not the short form")

const (
	bucket = time.Second
	check  = time.Second // log.retention.check.interval.ms of the shared broker
	// restartSlack is log.initial.task.delay.ms: a broker that was down first looks so long after it is up.
	restartSlack = 30 * time.Second
	// looking is how much later than the bound the test looks, since it shares two cores with all it runs.
	looking = 2 * time.Second
)

// Goal: content is gone from a real broker once its window and the stated bound are over, whoever of us still runs: no key
// that is left opens anything, and no byte of content, recipient or seed lies in the broker's files. Method: a request of
// every kind with random canaries in every field, separate processes, uncompressed topics; before the deadline the same
// scan finds them and the same opener opens them. Cases run side by side; a broker that restarts has its turn alone.
func TestProofContentIsGoneFromARealBroker(t *testing.T) {
	due, ran := 0, new(atomic.Int32)
	for _, alone := range []bool{false, true} {
		group := "side by side"
		if alone {
			group = "alone"
		}
		t.Run(group, func(t *testing.T) {
			for i, c := range proofCases {
				if c.alone == alone && (c.short || *allProofs) {
					due++
					t.Run(c.name, func(t *testing.T) { prove(t, c, i); ran.Add(1) })
				}
			}
		})
	}
	chosen := strings.Contains(flag.Lookup("test.run").Value.String(), "/") // by who runs the test
	if ended := int(ran.Load()); ended != due && !chosen && !testing.Short() {
		t.Errorf("%d of %d cases came to their end", ended, due)
	}
}

// proof is one case on its way.
type proof struct {
	*world
	proofCase
	db        *clickhouse.DB
	cluster   *kafka.Cluster
	keeper    seal.Keeper
	canaries  *canaries
	requests  int // published and not to be rejected
	none      int // those among them that ask for window zero
	callbacks string
	processes map[string]*deployment.Process
	seeds     seedWatch
	opened    map[string]int // canaries in what could ever be opened, by name
	leaks     []string
	restarted time.Time
}

// newProof sets a deployment up, on which nothing runs yet.
func newProof(t *testing.T, name string, c proofCase) *proof {
	t.Helper()
	var windows []string
	for _, w := range c.windows() {
		windows = append(windows, seal.WindowName(w))
	}
	p := &proof{proofCase: c, canaries: newCanaries(), opened: map[string]int{}, world: newWorld(t, name+".", 6*time.Minute, map[string]string{
		"WL_WINDOWS": strings.Join(windows, ","), "WL_DELIVERY_WINDOW": seal.WindowName(c.transit), "WL_DIAGNOSTIC_WINDOW": seal.WindowName(c.diagnostic),
	})}
	p.db = p.engine()
	_, err := p.Wlctl(p.ctx, "setup", "--apply", "--tenants", p.Tenants())
	p.must(err)
	p.keeper, err = seal.OpenKeeper(p.Environment["WL_KEYS_URL"], "")
	p.must(err)
	p.cluster, p.callbacks = p.world.cluster(p.prefix()), deployment.FreeAddress()
	t.Cleanup(p.Close) // before the engine ends, which waits for its clients
	t.Cleanup(p.tails)
	return p
}

// tails shows what each process said last, where the test failed.
func (p *proof) tails() {
	for name, process := range p.processes {
		if p.t.Failed() {
			p.t.Logf("%s said last:\n%s", name, process.Tail(10))
		}
	}
}

func prove(t *testing.T, c proofCase, number int) {
	p := newProof(t, fmt.Sprint("proof", number), c)
	p.settings()
	t.Parallel()

	p.publish()
	p.found()
	p.stages()
	for range c.waves() - 1 { // so that there are seeds of several buckets
		time.Sleep(bucket)
		p.publish()
	}
	p.await("all are sent and copied", 200*time.Millisecond, p.delivered)
	p.must(p.seeds.look(p)) // while all are there
	p.readable()
	if whole, half := p.callBack("please"); whole != http.StatusOK || half != http.StatusUnauthorized {
		t.Errorf("listen answered a genuine callback with %d and half of it with %d", whole, half)
	}
	p.await("their events are in ClickHouse", 200*time.Millisecond, p.recorded)
	p.metrics()
	if c.after != nil {
		c.after(p)
	}
	p.gone()
	// All cases are one group: members that are killed hold up the next case's until their sessions are over, and its messages
	// expire meanwhile.
	_ = deployment.Stop(slices.Collect(maps.Values(p.processes))...)
}

// settings makes topics uncompressed, so that a scan of bytes sees what is in them, and lets those that are trimmed roll
// within seconds instead of minutes.
func (p *proof) settings() {
	topics, err := p.cluster.Topics(p.ctx)
	p.must(err)
	for topic := range topics {
		changed := map[string]string{"compression.type": "uncompressed"}
		if among(topic, []string{wire.Requests, wire.ValidatedT, wire.RoutedT, "retry."}) {
			changed["segment.ms"] = "1000"
		}
		p.must(p.cluster.AlterConfigs(p.ctx, topic, changed))
	}
}

// stages starts the simulator and one of each binary; deliver may be another build.
func (p *proof) stages() {
	p.simulate()
	p.processes = map[string]*deployment.Process{}
	for _, stage := range deployment.Stages {
		from := p.Deployment
		if stage == "deliver" && p.stuck {
			from = p.patched([]string{"deliver"}, patch{"cmd/internal/wire/deliver_perform.go", "return d.copy(ctx, e)", "<-ctx.Done()\nreturn nil, ctx.Err()"})
		}
		process, err := from.Start(stage, map[string]string{"WL_LISTEN": p.callbacks})
		p.must(err)
		p.processes[stage] = process
	}
	for _, keyless := range []string{"route", "redact", "record", "listen"} {
		p.must(unless(p.Variables(keyless, nil)["WL_KEYS_URL"] == "", "%s is given a content key", keyless))
	}
	for _, process := range p.processes {
		p.must(process.Ready(p.ctx))
	}
	p.log("all processes are ready")
}

// delivered says whether every request has its final state and its copy, or its rejection.
func (p *proof) delivered() error {
	p.must(p.seeds.look(p))
	finals, err := p.finals()
	copies, rejected := 0, 0
	if err == nil {
		copies, err = p.copies()
	}
	if err == nil {
		rejected, err = p.count(wire.RejectedT)
	}
	n := p.requests
	return unless(err == nil && len(finals) >= n && (copies >= n || p.stuck) && rejected >= p.waves()*rejectedToo, "%d final, %d copies, %d rejected of %d, %v", len(finals), copies, rejected, n, err)
}

func (p *proof) recorded() error {
	kinds := "'sent', 'failed'"
	if p.stuck {
		kinds = "'claimed'" // an outcome is told once its copy is made
	}
	rows, err := p.db.Query(p.ctx, "SELECT count(DISTINCT message_id) FROM events WHERE kind IN ("+kinds+")")
	return unless(err == nil && rows.Values[0][0] == fmt.Sprint(p.requests), "%v of %d, %v", rows.Values, p.requests, err)
}

// deadline is when the last seed is promised to be gone, with every process of ours dead.
func (p *proof) deadline() time.Time {
	last := p.deadlineOf(p.windows()...)
	if p.restarted.IsZero() {
		return last
	}
	if at := p.restarted.Add(restartSlack + check); at.After(last) {
		return at
	}
	return last
}

// deadlineOf is when the last seed of some windows is promised to be gone.
func (p *proof) deadlineOf(windows ...time.Duration) (last time.Time) {
	for _, s := range p.seeds.all {
		if at := s.at.Add(seal.Bound(s.window, bucket, check)); slices.Contains(windows, s.window) && at.After(last) {
			last = at
		}
	}
	return last
}

// until follows the seeds up to a time that may move on, since more may be sealed, and a little longer.
func (p *proof) until(deadline func() time.Time) {
	for p.must(p.seeds.look(p)); time.Now().Before(deadline().Add(looking)); p.must(p.seeds.look(p)) {
		time.Sleep(200 * time.Millisecond) // not a wait for something: it is the time that matters
	}
}

// gone follows the seeds until the deadline and then looks everywhere.
func (p *proof) gone() {
	p.until(p.deadline)
	p.log("the deadline of %d seeds is over: lateness %s", len(p.seeds.all), p.seeds.lateness())
	sealed, opened := p.open()
	if opened > 0 {
		p.t.Errorf("%d of %d sealed values can still be opened", opened, sealed)
	}
	for _, s := range p.seeds.all {
		p.canaries.Exactly("wrapped seed", s.wrapped)
		for _, node := range p.unwrapped(s) {
			p.canaries.Add("seed", string(node))
		}
	}
	p.files("the broker", shared.DataDir(), "")
	p.files("the logs, working and temporary folders", p.Dir, "")
	p.database()
	p.log("%d sealed values are left, %d of them open", sealed, opened)
	p.tight()
}
