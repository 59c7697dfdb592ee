package lifecycle_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

const (
	bucket   = time.Second // of every window of the model
	check    = time.Second // the broker's log.retention.check.interval.ms
	delivery = 60 * time.Second
	canary   = "CANARY-at-nine-on-Tuesday"
)

var (
	windows = []time.Duration{20 * time.Second, 60 * time.Second, 120 * time.Second}
	tenants = []string{"acme-shop", "blue-clinic"}
)

// appended is a record at the time at which it truly was appended, whatever the broker's clock said.
type appended struct {
	pipeline.Record
	at time.Time
}

// policy is a tenant's record since a time.
type policy struct {
	tenant schemas.Tenant
	since  time.Time
}

// world is one deployment in one bubble of fake time.
type world struct {
	broker *pipelinetest.Broker
	api    *api
	env    map[string]string
	refs   *seal.Refs
	logs   buffer
	ports  int
	lives  []*life
	stop   chan struct{}

	mu       sync.Mutex
	skew     time.Duration // of the broker's clock
	skewed   bool          // some clock was stepped
	tenant   map[string]schemas.Tenant
	keys     map[string][]byte // wrapped, of refs
	policies []policy
	objected map[string]time.Time // tenant + ref -> since
	asked    map[string]asked     // by control id
	sent     []sent               // requests, with what was promised
	fates    []fate
	calls    []call
	history  []appended
	seeds    map[string]appended
	faults   []string
}

// credentials is a folder with a token for every sender, the same for all worlds.
func credentials(t *testing.T) string {
	dir := t.TempDir()
	for _, id := range tenants {
		if err := os.WriteFile(filepath.Join(dir, "sender-of-"+id), []byte("token"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func freshKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return "base64key://" + base64.URLEncoding.EncodeToString(key)
}

func newWorld(dir string, fates []fate) *world {
	w := &world{
		ports: 1000, stop: make(chan struct{}), fates: fates, tenant: map[string]schemas.Tenant{}, keys: map[string][]byte{},
		objected: map[string]time.Time{}, asked: map[string]asked{}, seeds: map[string]appended{},
	}
	w.env = map[string]string{
		"WL_KEYS_URL": freshKey(), "WL_REFS_URL": freshKey(), "WL_DELIVERY_WINDOW": seal.WindowName(delivery),
		"WL_DIAGNOSTIC_WINDOW": seal.WindowName(windows[0]), "WL_CREDENTIALS_DIR": dir, "WL_DEDUP_HORIZON": "3h",
	}
	slog.SetDefault(boot.NewLogger("model", &w.logs))
	w.broker = pipelinetest.NewBroker(w.brokerTime)
	w.broker.Appended = w.seen
	plan := wire.Plan{Windows: windows, Partitions: 2, Routed: 2, Replication: 1}
	for _, spec := range plan.Topics() {
		w.broker.CreateTopic(spec.Name, spec.Partitions, spec.Configs)
	}
	keeper, err := seal.OpenKeeper(w.env["WL_REFS_URL"], "")
	if err != nil {
		w.fault("wiring", "%v", err)
	}
	w.refs = seal.NewRefs(keeper, func(id string) ([]byte, bool) { return w.keys[id], true })
	for _, id := range tenants {
		if w.keys[id], err = seal.NewRefsKey(context.Background(), keeper); err != nil {
			w.fault("wiring", "%v", err)
		}
		w.register(schemas.Tenant{
			TenantID: id, Status: "active", Region: "eu", OnUnknown: "report", SettleAfter: "30s",
			Senders: []schemas.Sender{{PhoneNumberID: "sender-of-" + id, WABA: "waba-of-" + id, Region: "eu"}}, RefsKey: w.keys[id],
		})
	}
	w.api = newAPI(w)
	go w.retain()
	return w
}

func (w *world) brokerTime() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.skew)
}

// retain is the broker's retention, and a look at which seeds there still are.
func (w *world) retain() {
	for {
		select {
		case <-w.stop:
			return
		case <-time.After(check):
		}
		w.broker.Expire()
		w.seedsInTime()
	}
}

func (w *world) append(topic, key string, value []byte) pipeline.Appended {
	n := w.broker.Topics()[topic]
	at, err := w.broker.Append(context.Background(), []pipeline.Output{{Topic: topic, Partition: kafka.PartitionOf([]byte(key), n), Key: []byte(key), Value: value}})
	if err != nil {
		w.fault("wiring", "%v", err)
		return pipeline.Appended{}
	}
	return at[0]
}

func (w *world) seen(r pipeline.Record) {
	if r.Topic == wire.ReceiptsT {
		w.erased(r)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	a := appended{r, time.Now()}
	w.history = append(w.history, a)
	if _, keys := windowOf(r.Topic, "keys."); keys && len(r.Key) > 0 {
		if _, again := w.seeds[string(r.Key)]; !again {
			w.seeds[string(r.Key)] = a
		}
	}
}

// fault notes that an invariant does not hold.
func (w *world) fault(invariant, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, invariant+": "+fmt.Sprintf(format, args...))
}

func (w *world) called(c call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
}

// fate is that of an attempt at a message, whatever the order in which attempts come.
func (w *world) fate(c schemas.CallbackData) fate {
	if len(w.fates) == 0 {
		return accept
	}
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, c.TenantID, c.MessageID, c.Attempt)
	return w.fates[h.Sum32()%uint32(len(w.fates))]
}

// close ends everything that runs in the bubble.
func (w *world) close() {
	for _, name := range names {
		w.end(name, true)
	}
	close(w.stop)
	_ = w.api.server.Close()
}

// buffer is a buffer that many may write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *buffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
