package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

const (
	sendingTenant  = "bench-tenant"
	sendingAccount = "900000000000001"
	sendingToken   = "bench-token"
)

// number is a sender of the bench's tenant and what it may send a second.
type number struct {
	id   string
	rate int
}

func numbers(first, n, rate int) (all []number) {
	for i := range n {
		all = append(all, number{fmt.Sprintf("9%014d", first+i), rate})
	}
	return all
}

// sending is a deployment of one tenant: all its senders have one owner, which is the harder case.
type sending struct {
	*deployment.Deployment
	world   *world
	cluster *kafka.Cluster
	numbers []number
	door    *door
	people  int
	filled  int
}

// sending sets a tenant with these senders up, and a door that knows them.
func (w *world) sending(ctx context.Context, prefix string, senders []number, cfg simulator.Config, variables map[string]string) (*sending, error) {
	var yaml strings.Builder
	fmt.Fprintf(&yaml, "tenants:\n  - tenant_id: %s\n    region: eu\n    label_keys: []\n    outcomes: false\n    settle_after: 60s\n    senders:\n", sendingTenant)
	cfg.Senders = map[string]simulator.Sender{}
	for _, s := range senders {
		fmt.Fprintf(&yaml, "      - {phone_number_id: %q, waba_id: %q, region: eu, rate: %d}\n", s.id, sendingAccount, s.rate)
		cfg.Senders[s.id] = simulator.Sender{WABA: sendingAccount, Token: sendingToken, RatePerSecond: s.rate}
	}
	settings := map[string]string{"WL_PARTITIONS": "2", "WL_WINDOWS": "24h,72h"}
	for k, v := range variables {
		settings[k] = v
	}
	d, err := w.deployed(ctx, prefix, settings, func(d *deployment.Deployment) error {
		for _, s := range senders {
			if err := os.WriteFile(filepath.Join(d.Environment["WL_CREDENTIALS_DIR"], s.id), []byte(sendingToken), 0o600); err != nil {
				return err
			}
		}
		return os.WriteFile(d.Tenants(), []byte(yaml.String()), 0o644)
	})
	if err != nil {
		return nil, err
	}
	s := &sending{Deployment: d, world: w, cluster: w.cluster(prefix), numbers: senders}
	if s.door, err = open(cfg); err != nil {
		s.close()
		return nil, err
	}
	d.Environment["WL_CLOUD_API_URL"] = s.door.url
	return s, nil
}

func (s *sending) close() {
	s.Close()
	s.cluster.Close()
	if s.door != nil {
		s.door.close()
	}
}

// request is a text to somebody who got none before.
func (s *sending) request(sender string) (pipeline.Output, error) {
	s.people++
	r := schemas.MessageRequest{
		MessageID: ulid.Make().String(), TenantID: sendingTenant, SenderID: sender, Category: schemas.Utility,
		Recipient: schemas.Recipient{Phone: fmt.Sprintf("+49151%08d", 10_000_000+s.people)},
		Content:   schemas.Text{Body: "Your parcel is on its way. Track it in our app."}, CreatedAt: time.Now().UTC(), Labels: map[string]string{},
	}
	value, err := schemas.MessageRequests.Encode(&r)
	return pipeline.Output{Topic: "requests", Partition: pipeline.AnyPartition, Key: []byte(r.Recipient.Phone), Value: value}, err
}

// publish appends requests, thousands at once.
func (s *sending) publish(ctx context.Context, senders []string) error {
	var batch []pipeline.Output
	for i, sender := range senders {
		o, err := s.request(sender)
		if err != nil {
			return err
		}
		if batch = append(batch, o); len(batch) == 2000 || i == len(senders)-1 {
			if _, err := s.cluster.Log().Append(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}

// stream publishes at a steady pace for a time, senders in turn by their shares, a hundred times a second.
func (s *sending) stream(ctx context.Context, senders []number, lasting time.Duration) (published int, err error) {
	const every = 10 * time.Millisecond
	owed := make([]float64, len(senders))
	began := time.Now()
	for tick := 1; time.Duration(tick)*every <= lasting; tick++ {
		var batch []pipeline.Output
		for i, n := range senders {
			for owed[i] += float64(n.rate) * every.Seconds(); owed[i] >= 1; owed[i]-- {
				o, err := s.request(n.id)
				if err != nil {
					return published, err
				}
				batch = append(batch, o)
			}
		}
		if len(batch) > 0 {
			if _, err := s.cluster.Log().Append(ctx, batch); err != nil {
				return published, err
			}
		}
		published += len(batch)
		select {
		case <-time.After(time.Until(began.Add(time.Duration(tick) * every))):
		case <-ctx.Done():
			return published, ctx.Err()
		}
	}
	return published, nil
}

// fill puts messages on routed, by validate and route, which end then. They go by senders' rates as time would bring them.
func (s *sending) fill(ctx context.Context, n int) error {
	total := 0
	for _, sender := range s.numbers {
		total += sender.rate
	}
	owed := make([]int, len(s.numbers))
	senders := make([]string, 0, n)
	for len(senders) < n {
		next := 0
		for i, sender := range s.numbers {
			if owed[i] += sender.rate; owed[i] > owed[next] {
				next = i
			}
		}
		owed[next] -= total
		senders = append(senders, s.numbers[next].id)
	}
	s.filled += n
	say("%d messages to routed", n)
	if err := s.publish(ctx, senders); err != nil {
		return err
	}
	for _, stage := range []struct{ name, reads string }{{"validate", "requests"}, {"route", "validated"}} {
		p, err := s.Start(stage.name, nil)
		if err != nil {
			return err
		}
		for {
			done, err := committed(ctx, s.cluster, "wl."+stage.name, stage.reads)
			if err != nil {
				return err
			}
			if done >= int64(s.filled) {
				break
			}
			if err := pause(ctx); err != nil {
				return fmt.Errorf("%s is at %d of %d: %w; its log ends:\n%s", p.Name, done, s.filled, err, p.Tail(5))
			}
		}
		if err := deployment.Stop(p); err != nil {
			return err
		}
	}
	return nil
}
