package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/listen"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// Planted in bad records: none of it may be found in a log, a metric or an event.
const (
	canary    = "canary-7Q2M"
	recipient = "+4915112345678"
)

// input is one record for requests, and the reason for which it must be rejected, "" where it must be accepted.
type input struct {
	name, reason string
	output       pipeline.Output
}

// Goal: bad input of any kind becomes a rejection with its reason; what is at a limit passes; nothing stops and nothing of
// it appears in a log. Method: a validate process on a real broker gets one record of every kind, and a good one at the
// end of each partition; each record's fate is read from `rejected` and `events` by its coordinates.
func TestBadInputBecomesARejectionAndStopsNothing(t *testing.T) {
	registry := srfake.New()
	t.Cleanup(registry.Close)
	w := newWorld(t, "bad.", 2*time.Minute, map[string]string{
		"WL_WINDOWS": "60s,120s", "WL_DELIVERY_WINDOW": "120s", "WL_DIAGNOSTIC_WINDOW": "60s",
	})
	w.engine()
	_, err := w.Wlctl(w.ctx, "setup", "--apply", "--tenants", w.Tenants())
	w.must(err)
	w.plantTenants()
	inputs := slices.Concat(badBytes(t), badRequests(t), atLimits(t), byRegistry(t, registry))
	p := w.start("validate", map[string]string{"WL_SCHEMA_REGISTRY_URL": registry.URL()})
	positions := w.publish(inputs)
	last := w.publish([]input{good(t, "good", 0), good(t, "good", 1)})

	var fates map[string]string
	w.await("every record has its fate", 200*time.Millisecond, func() (err error) {
		if fates, err = w.fates(); err != nil {
			return err
		}
		for _, at := range slices.Concat(positions, last) {
			if fates[at] == "" || strings.HasSuffix(fates[at], half) {
				return fmt.Errorf("%s: %q", at, fates[at])
			}
		}
		return nil
	})
	for _, at := range last {
		if fates[at] != "accepted" {
			t.Errorf("a good request after all others: %q", fates[at])
		}
	}
	for i, in := range inputs {
		want := "accepted"
		if in.reason != "" {
			want = "rejected for " + in.reason
		}
		if got := fates[positions[i]]; got != want {
			t.Errorf("%s: %q, want %q", in.name, got, want)
		}
	}
	w.log("%d records of bad and edge input went through", len(inputs))
	w.scan(p)
	w.must(deployment.Stop(p))
}

// half ends a fate of which only the event can be read yet.
const half = "no dead letter"

func isRejected(kind schemas.Kind) bool { return kind == schemas.KindRejected }

// fates tells what became of each request, by coordinates, where events and dead letters agree.
func (w *world) fates() (map[string]string, error) {
	c := w.cluster(w.prefix())
	events, err := w.read(c, wire.EventsT)
	if err != nil {
		return nil, err
	}
	letters, err := w.read(c, wire.RejectedT)
	if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	for _, r := range letters {
		letter, err := schemas.Rejecteds.Decode(r.Value)
		if err != nil {
			return nil, err
		}
		reasons[letter.Source.String()] = letter.Reason
	}
	fates := map[string]string{}
	for _, r := range events {
		e, err := schemas.Events.Decode(r.Value)
		if err != nil {
			return nil, err
		}
		switch before, letter := fates[e.Detail], reasons[e.Detail]; {
		case before != "":
			fates[e.Detail] = before + " and " + string(e.Kind)
		case isRejected(e.Kind) && letter == e.Reason:
			fates[e.Detail] = "rejected for " + e.Reason
		case isRejected(e.Kind) && letter == "":
			fates[e.Detail] = "rejected, " + half
		case isRejected(e.Kind):
			fates[e.Detail] = fmt.Sprintf("rejected for %s in events, for %q in rejected", e.Reason, letter)
		default:
			fates[e.Detail] = string(e.Kind)
		}
	}
	return fates, nil
}

// publish appends inputs and returns their coordinates.
func (w *world) publish(inputs []input) (positions []string) {
	w.t.Helper()
	log := w.cluster(w.prefix()).Log()
	for len(inputs) > 0 {
		n := min(20, len(inputs))
		outputs := make([]pipeline.Output, n)
		for i := range outputs {
			outputs[i] = inputs[i].output
		}
		appended, err := log.Append(w.ctx, outputs)
		w.must(err)
		for _, a := range appended {
			positions = append(positions, a.Position.String())
		}
		inputs = inputs[n:]
	}
	return positions
}

// scan looks for what was planted in the log, the metrics and the events.
func (w *world) scan(p *deployment.Process) {
	w.t.Helper()
	log, err := os.ReadFile(p.Log)
	w.must(err)
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, "http://"+p.HTTP+"/metrics", nil)
	w.must(err)
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	metrics, err := io.ReadAll(answer.Body)
	w.must(err)
	if !bytes.Contains(log, []byte("started")) || !bytes.Contains(metrics, []byte("wl_rejections_total")) {
		w.t.Error("the log or the metrics are not what they should be: the scan checks nothing")
	}
	places := map[string][]byte{"log": log, "metrics": metrics}
	for _, topic := range []string{wire.EventsT, wire.RejectedT, wire.ValidatedT} {
		records, err := w.read(w.cluster(w.prefix()), topic)
		w.must(err)
		for _, r := range records {
			places[topic] = append(append(places[topic], r.Key...), r.Value...)
		}
	}
	for place, content := range places {
		for _, planted := range []string{canary, recipient[1:], recipient[3:], "parcel", "xxxxxxxxxxxx"} {
			if bytes.Contains(content, []byte(planted)) {
				w.t.Errorf("%q is found in %s", planted, place)
			}
		}
	}
}

// wide is the tenant whose id is as long as an id may be and that declares eight labels.
var wide = strings.Repeat("t", 64)

// plantTenants registers the tenants that the requests name, and an objection of the recipient to marketing.
func (w *world) plantTenants() {
	w.t.Helper()
	c := w.cluster(w.prefix())
	registered, err := wire.ReadRegister(w.ctx, c, wire.TenantsT, schemas.Tenants.Decode)
	w.must(err)
	shop := registered[tenantID]
	broad := shop
	broad.TenantID, broad.LabelKeys = wide, []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var outputs []pipeline.Output
	for _, t := range append(validatetest.Tenants(shop), broad) {
		t.Outcomes = false
		value, err := schemas.Tenants.Encode(&t)
		w.must(err)
		outputs = append(outputs, pipeline.Output{Topic: wire.TenantsT, Partition: pipeline.AnyPartition, Key: []byte(t.TenantID), Value: value})
	}
	keeper, err := seal.OpenKeeper(w.Environment["WL_REFS_URL"], "")
	w.must(err)
	refs := seal.NewRefs(keeper, func(string) ([]byte, bool) { return shop.RefsKey, true })
	ref, err := refs.Ref(w.ctx, tenantID, seal.RefPhone, recipient)
	w.must(err)
	objection := schemas.Suppression{
		Scope: "recipient", TenantID: tenantID, Ref: ref, Category: "marketing", State: "stop", EffectiveAt: time.Now().UTC(), Source: "tenant",
	}
	value, err := schemas.Suppressions.Encode(&objection)
	w.must(err)
	outputs = append(outputs, pipeline.Output{Topic: wire.Suppressions, Partition: pipeline.AnyPartition, Key: []byte(listen.SuppressionKey(objection)), Value: value})
	_, err = c.Log().Append(w.ctx, outputs)
	w.must(err)
	for _, spec := range (wire.Plan{Tenants: []string{"blue-clinic"}, Partitions: 1, Routed: 1, Replication: 1}).Topics() {
		if spec.Name == wire.RequestsOf("blue-clinic") {
			w.must(c.CreateTopics(w.ctx, []kafka.TopicSpec{spec}))
		}
	}
}
