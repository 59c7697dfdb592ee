package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

const body = `{"text":{"body":"hello"}}`

// Goal: lines become requests, ids and times filled in where they are missing, keyed by recipient. Method: two lines
// with an empty one between, the last without its end of line.
func TestSendPublishesLinesFromStandardInput(t *testing.T) {
	o := deployed(t)
	in := lineHead + body + "}\n\n" + `{"tenant_id":"acme-shop","recipient":{"user_id":"DE.1"},"category":"service","content":` + body + `}`
	ids := strings.Fields(must(t, in, "send"))
	requests, keys := records(t, o, wire.Requests, schemas.MessageRequests)
	if len(requests) != 2 || len(ids) != 2 {
		t.Fatalf("%d requests, printed %v", len(requests), ids)
	}
	for i, r := range requests {
		if r.CreatedAt.IsZero() || r.Content != (schemas.Text{Body: "hello"}) || !schemas.WellFormedMessageID(r.MessageID) {
			t.Errorf("request %d: %+v", i, r)
		}
		if keys[i] != r.Recipient.Phone+r.Recipient.UserID {
			t.Errorf("key %q", keys[i])
		}
	}
	if ids[0] != "01JD3Z8Q4Y5W6V7T8S9R0QPNMK" {
		t.Errorf("printed %v", ids)
	}
}

// Goal: a bad line is named by its number, nothing of it is printed, and nothing after the last whole batch is sent.
// Method: a good line before a bad one with a canary.
func TestSendRefusesABadLineByItsNumber(t *testing.T) {
	o := deployed(t)
	for name, bad := range map[string]string{
		"unknown field": `{"CANARY":1}`,
		"two objects":   lineHead + body + `} {"x":"CANARY"}`,
		"no category":   `{"tenant_id":"acme-shop","recipient":{"phone":"+4915112345678"},"content":{"text":{"body":"CANARY"}}}`,
	} {
		code, out, errs := wlctl(lineHead+body+"}\n"+bad+"\n", "send")
		if code != 1 || strings.Contains(out+errs, "CANARY") || strings.Contains(errs, "4915112345678") {
			t.Errorf("%s: exit %d, %s%s", name, code, out, errs)
		}
	}
	if all, _ := records(t, o, wire.Requests, schemas.MessageRequests); len(all) != 0 {
		t.Errorf("%d requests were published", len(all))
	}
}

// Goal: samples are of registered tenants, and the same seed says the same. Method: publish two runs, compare.
func TestSamplesRepeatBySeed(t *testing.T) {
	o := deployed(t)
	if code, _, errs := wlctl("", "send", "--sample", "1"); code != 1 || !strings.Contains(errs, "tenant put") {
		t.Errorf("without tenants: exit %d, %s", code, errs)
	}
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	must(t, "", "send", "--sample", "20", "--seed", "7")
	must(t, "", "send", "--sample", "20", "--seed", "7")
	all, _ := records(t, o, wire.Requests, schemas.MessageRequests)
	if len(all) != 40 {
		t.Fatalf("%d requests", len(all))
	}
	said := map[string]int{}
	for _, r := range all {
		if r.TenantID != "acme-shop" {
			t.Errorf("a sample of tenant %s", r.TenantID)
		}
		said[fmt.Sprint(r.Recipient, r.Category, r.Content)]++
	}
	for what, n := range said {
		if n%2 != 0 {
			t.Errorf("said %d times: %s", n, what)
		}
	}
}

// Goal: lag counts what each group has not committed. Method: three requests, of which validate's group commits one per
// partition that has any; the other groups commit nothing.
func TestLagCountsWhatIsNotCommitted(t *testing.T) {
	o := deployed(t)
	must(t, strings.Repeat(lineHead+body+"}\n", 3), "send") // one recipient: one partition
	var groups sync.WaitGroup
	for id, mine := range reads {
		groups.Go(func() { commitOne(t, o, id, mine) })
	}
	groups.Wait()
	if out := must(t, "", "lag"); !strings.Contains(out, "wl.validate") {
		t.Errorf("lag:\n%s", out)
	}
	lag := map[string]int64{}
	for line := range strings.Lines(must(t, "", "lag", "--json")) {
		var r lagRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		lag[r.Group+" "+r.Topic] = r.LagRecords
	}
	if n, ok := lag["wl.validate requests"]; !ok || n != 2 {
		t.Errorf("requests: %d, %v; want 2", n, ok)
	}
	for _, row := range []string{"wl.route validated", "wl.deliver routed", "wl.deliver retry.1m", "wl.deliver status", "wl.redact delivered.20s", "wl.record events", "wl.custody controls"} {
		if n, ok := lag[row]; !ok || n != 0 {
			t.Errorf("%s: %d, %v", row, n, ok)
		}
	}
}

// commitOne joins as a group over the topics it reads, commits one record of each partition that has any, and leaves.
func commitOne(t *testing.T, o *operator, id string, mine func(string) bool) {
	ctx, leave := context.WithCancel(within(t))
	defer leave()
	topics, err := o.process.Cluster.Topics(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	left := new(atomic.Int64)
	var listed []string
	for topic, partitions := range topics {
		if mine(topic) {
			listed = append(listed, topic)
			left.Add(int64(partitions))
		}
	}
	group := kafka.Group{
		Cluster: o.process.Cluster, ID: id, Topics: func(context.Context) ([]string, error) { return listed, nil },
		Own: func(ctx context.Context, owned *kafka.Owned) error {
			src := owned.Source()
			_, end, err := src.Bounds(ctx)
			if err == nil && end > 0 {
				err = src.Commit(ctx, 1)
			}
			if left.Add(-1) == 0 {
				leave() // the last commit is flushed as ownership ends
			}
			return err
		},
	}
	if err := group.Run(ctx); err != nil {
		t.Error(err)
	}
}
