package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

const requests = 20_000

// Goal: separate processes lose nothing and send nothing twice while they are restarted and killed. Method: two of each
// binary on a real broker and the real engine; 20,000 requests are published while one of each kind is restarted and a
// deliver and a validate are killed; then ClickHouse's counts are held against the simulator's ledger.
func TestSeparateProcessesSendEachMessageOnceThroughRestartsAndKills(t *testing.T) {
	w := newWorld(t, "processes.", 4*time.Minute, map[string]string{
		"WL_WINDOWS": "15s,120s", "WL_DELIVERY_WINDOW": "120s", "WL_DIAGNOSTIC_WINDOW": "15s",
	})
	db := w.engine()
	_, err := w.Wlctl(w.ctx, "setup", "--apply", "--tenants", w.Tenants())
	w.must(err)
	w.log("set up")
	callbacks := [2]string{deployment.FreeAddress(), deployment.FreeAddress()}
	simulation, err := w.Simulate([]string{"http://" + callbacks[0] + "/webhooks/whatsapp", "http://" + callbacks[1] + "/webhooks/whatsapp"})
	w.must(err)

	instances := [2]map[string]*deployment.Process{w.startAll(callbacks[0]), w.startAll(callbacks[1])}
	w.log("14 processes are ready")
	publishing, err := w.Start("wlctl", nil, "send", "--sample", fmt.Sprint(requests), "--rate", "1500")
	w.must(err)
	w.await("the first 3,000 settled", 500*time.Millisecond, func() error {
		c, err := db.Conservation(w.ctx)
		return unless(err == nil && c.FinalSends() > 3000, "%d settled, %v", c.FinalSends(), err)
	})
	stopAll(t, instances[0])
	instances[0] = w.startAll(callbacks[0])
	w.log("one of each kind restarted")
	for _, killed := range []string{"deliver", "validate"} {
		instances[1][killed].Kill()
		delete(instances[1], killed)
	}
	code, err := publishing.Wait(w.ctx)
	w.must(err)
	w.must(unless(code == 0, "wlctl send exited with %d:\n%s", code, publishing.Tail(5)))

	w.await("all settled as the ledger has it", time.Second, func() error { return w.settled(db) })
	w.await("all redacted", time.Second, func() error {
		c, err := db.Conservation(w.ctx)
		if err != nil {
			return err
		}
		f, err := db.Funnel(w.ctx, "")
		return unless(err == nil && f.Redacted == c.FinalSends(), "%d of %d redacted, %v", f.Redacted, c.FinalSends(), err)
	})
	w.must(w.settled(db)) // nothing came after
	if c, err := db.Conservation(w.ctx); err == nil {
		w.log("%+v", c)
	}
	for _, all := range instances {
		stopAll(t, all)
	}
	w.must(deployment.Stop(simulation))
	w.log("stopped")
}

// startAll starts one of each stage and waits until they are ready.
func (w *world) startAll(callbacks string) map[string]*deployment.Process {
	w.t.Helper()
	all := map[string]*deployment.Process{}
	for _, stage := range deployment.Stages {
		p, err := w.Start(stage, map[string]string{"WL_LISTEN": callbacks})
		w.must(err)
		all[stage] = p
	}
	for _, p := range all {
		w.must(p.Ready(w.ctx))
	}
	return all
}

// stopAll stops processes side by side; each must exit with 0.
func stopAll(t *testing.T, all map[string]*deployment.Process) {
	t.Helper()
	var processes []*deployment.Process
	for _, p := range all {
		processes = append(processes, p)
	}
	if err := deployment.Stop(processes...); err != nil {
		t.Fatal(err)
	}
}

// settled compares what ClickHouse has with what was published and with what the simulator saw.
func (w *world) settled(db *clickhouse.DB) error {
	c, err := db.Conservation(w.ctx)
	if err != nil {
		return err
	}
	l, err := w.Ledger(w.ctx)
	if err != nil {
		return err
	}
	sent := map[simulator.Fate]int{}
	for state, n := range c.Final {
		if state != "unknown" {
			sent[simulator.Fate(state)] = int(n)
		}
	}
	switch {
	case c.Accepted+c.Rejected != requests || !c.Balanced() || c.Open != 0:
		return fmt.Errorf("not balanced: %+v", c)
	case l.Doubles+l.Unidentified+l.Forgotten != 0 || len(l.LimitErrors)+len(l.Violations) != 0:
		return fmt.Errorf("the simulator complains: %+v", l)
	case l.Distinct != l.Accepted || l.CallbacksPending+l.CallbacksDropped != 0:
		return fmt.Errorf("callbacks are under way: %+v", l)
	case fmt.Sprint(sent) != fmt.Sprint(l.Fates):
		return fmt.Errorf("fates differ: ClickHouse has %v, the ledger %v", c.Final, l.Fates)
	}
	return nil
}
