package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// burst is put into packages that are to panic: it leaves word that it did, without a word of the value.
const burst = `package %s

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func burst(label, name string, value ...any) {
	if label != name && !strings.Contains(label, "burst-"+name) {
		return
	}
	if err := os.WriteFile(filepath.Join(os.Getenv("TMPDIR"), "burst-"+name), nil, 0o600); err == nil {
		panic(fmt.Sprintf("%%+v %%s", value, value))
	}
}
`

// bursts are the places at which each stage panics: on records of a label, with all it has of content in the panic's value.
// Those of an effect end the process, since it is the world that failed.
var bursts = map[string][]struct{ name, file, old, call string }{
	"validate": {
		{"step", "stages/validate/stage.go", "([]Accepted, error) {\n", `burst(r.Labels["team"], "step", r.MessageRequest.Content, r.Recipient.Phone, r.ReplyTo)`},
		{"seal", "cmd/internal/wire/validate.go", "\tm := a.Validated\n", `burst(m.Labels["team"], "seal", a.Plain, a.Payload)`},
	},
	"route": {{"route", "stages/route/route.go", "([]schemas.Routed, error) {\n", `burst(v.Labels["team"], "route", v)`}},
	"deliver": {
		{"fold", "stages/deliver/partition.go", "\tm := p.message(keyOf(record.TenantID, record.MessageID), now)\n", `burst(record.Labels["team"], "fold", r.Value, record)`},
		{"dial", "cmd/internal/wire/deliver_dial.go", "\tpayload, err := schemas.Payloads.Decode(plain)\n", `burst(m.Labels["team"], "dial", plain, payload, token)`},
	},
	"redact": {{"redact", "stages/redact/redact.go", "([]Stripped, error) {\n", `burst(d.Labels["team"], "redact", d)`}},
	"listen": {
		{"reduce", "stages/listen/reduce.go", "(Reduction, error) {\n", `burst(string(body), "reduce", body)`},
		{"post", "cmd/internal/wire/callbacks.go", "\tctx, cancel := context.WithTimeout(r.Context(), appendWithin)\n", `burst(string(body), "post", body)`},
	},
	"record":  {{"record", "sinks/clickhouse/admit.go", "func Admit(e *schemas.Event) ([]*schemas.Event, error) {\n", `burst(e.Labels["team"], "record", e)`}},
	"custody": {{"show", "cmd/internal/wire/custody_answer.go", "\t\tplain, err := c.open(ctx, &d)\n", `burst("show", "show", plain)`}},
}

// Goal: no word of content, recipient or provider leaves by a panic of any stage, at debug level, nor by a core. Method:
// every binary is built with panics on content in its stage and its effects, and with its log at debug level; they meet
// records of each label; those that must end do, and their like go on; in the end all are aborted with full traces. Then
// topics, tables, parts, logs, metrics, working and temporary folders are scanned.
func TestProofNoPanicOfAnyStageShowsContent(t *testing.T) {
	const diagnostic = 8 * time.Second
	p := newProof(t, "panics", proofCase{transit: time.Minute, diagnostic: diagnostic})
	p.Environment["GOTRACEBACK"] = "crash"
	p.startBursting()

	p.publish()
	labels := []string{"step", "route", "fold", "redact", "record"}
	for _, l := range labels {
		p.label(l)
	}
	p.await("records of each label are met", 200*time.Millisecond, func() error { return p.burst(labels...) })
	if panicked, _ := p.callBack("burst-reduce"); panicked != http.StatusOK {
		t.Errorf("a callback on which listen panics is answered with %d: it would come again for days", panicked)
	}
	if cut, _ := p.callBack("burst-post"); cut != 0 {
		t.Errorf("a callback on which listen's door panics is answered with %d", cut)
	}
	p.must(p.burst("reduce", "post"))
	shown := p.label("")
	p.await("a copy is in its lane", 100*time.Millisecond, func() error {
		records, err := p.read(p.cluster, wire.DeliveredLane(diagnostic))
		return unless(err == nil && slices.ContainsFunc(records, func(r pipeline.Record) bool { return string(r.Key) == shown }), "%d copies, %v", len(records), err)
	})
	p.metrics()
	p.end("custody", "show", func() {
		_, _ = p.Wlctl(p.ctx, "content", "show", shown, "--tenant", tenantID, "--purpose", "debug", "--incident", "INC-1", "--wait", "3s")
	})
	p.end("deliver", "dial", func() { p.label("dial") })
	p.end("validate", "seal", func() { p.label("seal") })
	last := p.label("")
	p.await("the next processes go on", 200*time.Millisecond, func() error {
		finals, err := p.finals()
		return unless(err == nil && !finals[last].IsZero(), "%d are final, %v", len(finals), err)
	})
	p.await("and record, too", 200*time.Millisecond, func() error {
		rows, err := p.db.Query(p.ctx, "SELECT message_id FROM events WHERE kind = 'accepted'")
		return unless(err == nil && len(rows.Values) >= p.requests, "%d of %d, %v", len(rows.Values), p.requests, err)
	})
	p.metrics()
	var aborted sync.WaitGroup // side by side: a runtime takes seconds to trace all its threads
	for _, process := range p.processes {
		aborted.Go(process.Abort)
	}
	aborted.Wait()
	p.log("all are aborted")
	for name, process := range p.processes {
		if !strings.Contains(process.Tail(1000), "goroutine ") {
			t.Errorf("%s left no trace when aborted: this shows nothing", name)
		}
	}
	sealed, _ := p.open() // looks at every record
	p.must(unless(sealed > 0, "no sealed value was seen"))
	p.files("the logs, working and temporary folders", p.Dir, "")
	p.database()
	p.tight()
}

// startBursting builds every binary with the panics and starts them.
func (p *proof) startBursting() {
	p.simulate()
	changes := []patch{{"cmd/internal/boot/log.go", "Level: slog.LevelInfo", "Level: slog.LevelDebug"}}
	packages := map[string]bool{}
	for _, places := range bursts {
		for _, b := range places {
			changes = append(changes, patch{b.file, b.old, b.old + b.call + "\n"})
			packages[filepath.Dir(b.file)] = true
		}
	}
	for dir := range packages {
		changes = append(changes, patch{dir + "/burst.go", "", fmt.Sprintf(burst, filepath.Base(dir))})
	}
	build := p.patched(deployment.Stages, changes...)
	p.log("built")
	p.processes = map[string]*deployment.Process{}
	for _, stage := range deployment.Stages {
		process, err := build.Start(stage, map[string]string{"WL_LISTEN": p.callbacks})
		p.must(err)
		p.processes[stage] = process
	}
	for _, process := range p.processes {
		p.must(process.Ready(p.ctx))
	}
	p.log("all processes are ready")
}

// label publishes a request of a label, with a canary in its text and its recipient, and returns its id.
func (p *proof) label(label string) string {
	r := validatetest.Good(ulid.Make().String(), p.canaries.phone())
	r.Content = schemas.Text{Body: p.canaries.plant(32)}
	if label != "" {
		r.Labels = map[string]string{"team": label}
	}
	p.append([]schemas.MessageRequest{r})
	return r.MessageID
}

// burst says whether panics have happened.
func (p *proof) burst(names ...string) error {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(p.Environment["TMPDIR"], "burst-"+name)); err != nil {
			return fmt.Errorf("no panic in %s yet", name)
		}
	}
	return nil
}

// end makes a process panic in an effect, sees it end as one that wants a restart, and starts it again as it is shipped.
func (p *proof) end(stage, name string, provoke func()) {
	provoke()
	code, err := p.processes[stage].Wait(p.ctx)
	p.must(err)
	p.must(p.burst(name))
	if code != 1 {
		p.t.Errorf("%s ended with %d after a panic in an effect:\n%s", stage, code, p.processes[stage].Tail(5))
	}
	p.processes[stage] = p.start(stage, map[string]string{"WL_LISTEN": p.callbacks})
	p.log("%s ended by a panic, and is up again", stage)
}
