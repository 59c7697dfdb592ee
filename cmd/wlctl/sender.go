package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

type senderCmd struct {
	List   senderListCmd   `cmd:"" help:"List senders and templates with the stops that stand on them."`
	Resume senderResumeCmd `cmd:"" help:"Lift a stop: of a number, an account, a credential or a template."`
}

type senderListCmd struct {
	Tenant string `help:"Only this tenant's."`
	JSON   bool   `help:"JSON lines." name:"json"`
}

// senderRow is a sender, or a template that is stopped, and what keeps it from sending.
type senderRow struct {
	Tenant  string  `json:"tenant_id"`
	Sender  string  `json:"sender_id,omitempty"`
	WABA    string  `json:"waba_id,omitempty"`
	Region  string  `json:"region,omitempty"`
	Rate    float64 `json:"rate,omitempty"`         // messages a second, as registered
	Learned float64 `json:"learned_rate,omitempty"` // the lower one that Meta's refusals of the last minutes taught
	State   string  `json:"state"`                  // open, parked, blocked
	Stops   []stop  `json:"stops,omitempty"`
}

// stop is a stop that stands, in an operator's terms.
type stop struct {
	Scope    string     `json:"scope"`
	ID       string     `json:"id"`
	Reason   string     `json:"reason"`
	Category string     `json:"category,omitempty"`
	Code     int32      `json:"error_code,omitempty"`
	Since    time.Time  `json:"since"`
	Until    *time.Time `json:"until,omitempty"` // nil: until it is resumed
	block    bool
}

// Run prints one row a sender, and one a template that is stopped.
func (c *senderListCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	rows, err := o.senders(ctx, c.Tenant)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		for i := range rows {
			if err := encoder.Encode(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "TENANT\tSENDER\tACCOUNT\tRATE\tLEARNED\tSTATE\tSTOPPED\tREASON\tUNTIL")
	for i := range rows {
		rows[i].print(table)
	}
	return table.Flush()
}

// print writes a row, and a further line for each further stop.
func (r *senderRow) print(table *tabwriter.Writer) {
	rate := func(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0") }
	learned := "-"
	if r.Learned > 0 {
		learned = rate(r.Learned)
	}
	head := fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", r.Tenant, cmp.Or(r.Sender, "-"), cmp.Or(r.WABA, "-"), rate(r.Rate), learned, r.State)
	if len(r.Stops) == 0 {
		_, _ = fmt.Fprintf(table, "%s\t-\t-\t-\n", head)
	}
	for _, s := range r.Stops {
		_, _ = fmt.Fprintf(table, "%s\t%s %s\t%s\t%s\n", head, s.Scope, s.ID, s.why(), s.end())
		head = "\t\t\t\t\t"
	}
}

func (s *stop) why() string {
	why := s.Reason
	if s.Code != 0 {
		why += fmt.Sprintf(" (%d)", s.Code)
	}
	if s.Category != "" {
		why += ", only " + s.Category
	}
	return why
}

func (s *stop) end() string {
	if s.Until == nil {
		return "resumed by an operator"
	}
	return s.Until.Format(time.RFC3339)
}

// senders lists the registered senders of one tenant or of all.
func (o *operator) senders(ctx context.Context, tenant string) ([]senderRow, error) {
	tenants, err := o.tenants(ctx)
	if err != nil {
		return nil, err
	}
	if _, known := tenants[tenant]; tenant != "" && !known {
		return nil, fmt.Errorf("no tenant %q is registered (wlctl tenant list)", tenant)
	}
	stops, err := o.stops(ctx)
	if err != nil {
		return nil, err
	}
	learned, err := o.learned(ctx)
	if err != nil {
		return nil, err
	}
	var rows []senderRow
	for _, id := range slices.Sorted(maps.Keys(tenants)) {
		if tenant != "" && id != tenant {
			continue
		}
		for _, sender := range tenants[id].Senders {
			row := senderRow{Tenant: id, Sender: sender.PhoneNumberID, WABA: sender.WABA, Region: sender.Region, Rate: cmp.Or(sender.Rate, 80), Learned: learned[sender.PhoneNumberID]}
			for _, key := range []string{wire.StopKey("account", sender.WABA), wire.StopKey("number", sender.PhoneNumberID), wire.StopKey("credential", sender.PhoneNumberID)} {
				row.add(stops, key)
			}
			rows = append(rows, row.judged())
		}
		for _, key := range slices.Sorted(maps.Keys(stops)) {
			if strings.HasPrefix(key, wire.StopKey("template", id+"/")) {
				row := senderRow{Tenant: id}
				row.add(stops, key)
				rows = append(rows, row.judged())
			}
		}
	}
	return rows, nil
}

// add notes a stop of the register, if it stands.
func (r *senderRow) add(stops map[string]schemas.Stop, key string) {
	s, ok := stops[key]
	if !ok {
		return
	}
	shown := stop{Scope: s.Scope, ID: s.ID, Reason: s.Reason, Category: s.Category, Code: s.ErrorCode, Since: s.SetAt, block: s.Effect == "block"}
	if !s.Until.IsZero() {
		shown.Until = &s.Until
	}
	r.Stops = append(r.Stops, shown)
}

func (r *senderRow) judged() senderRow {
	r.State = "open"
	for _, s := range r.Stops {
		if s.block {
			r.State = "blocked"
		} else if r.State == "open" {
			r.State = "parked"
		}
	}
	return *r
}

// stops reads the register to its end and returns what stands.
func (o *operator) stops(ctx context.Context) (map[string]schemas.Stop, error) {
	stops, err := wire.ReadRegister(ctx, o.process.Cluster, wire.StopsT, schemas.Stops.Decode)
	now := time.Now()
	maps.DeleteFunc(stops, func(_ string, s schemas.Stop) bool {
		return s.Effect == "" || !s.Until.IsZero() && !now.Before(s.Until)
	})
	return stops, err
}

// learnedWithin is how far back learned rates are looked for. A rate climbs back by a tenth every ten seconds, so an older
// one tells nothing.
const learnedWithin = time.Minute

// learned reads from the log of attempts the last rate that each sender learned.
func (o *operator) learned(ctx context.Context) (map[string]float64, error) {
	topics, err := o.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	rates := map[string]float64{}
	for partition := range topics[wire.Attempts] {
		from, err := o.process.Cluster.OffsetAt(ctx, wire.Attempts, partition, time.Now().Add(-learnedWithin))
		if err != nil {
			return nil, err
		}
		err = wire.Scan(ctx, o.process.Cluster.Tail(wire.Attempts, partition, from), func(r pipeline.Record) error {
			a, err := schemas.Attempts.Decode(r.Value)
			if err == nil && a.LearnedRate > 0 {
				rates[a.SenderID] = a.LearnedRate
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return rates, nil
}

type senderResumeCmd struct {
	Scope string `arg:"" enum:"template,number,account,credential" help:"template, number, account or credential."`
	ID    string `arg:"" help:"What is stopped, as wlctl sender list names it."`
	Apply bool   `help:"Do it; without, only print the plan."`
}

// Run lifts a stop: audited first, then the register, then the event.
func (c *senderResumeCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	stops, err := o.stops(ctx)
	if err != nil {
		return err
	}
	standing, ok := stops[wire.StopKey(c.Scope, c.ID)]
	if !ok {
		return fmt.Errorf("no stop stands on %s %q (wlctl sender list)", c.Scope, c.ID)
	}
	tenant, err := o.ownerOf(ctx, &standing)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "tenant %s: resume %s %s, stopped since %s: %s\n", tenant, c.Scope, c.ID, standing.SetAt.Format(time.RFC3339), standing.Reason)
	if !c.Apply {
		_, err := fmt.Fprintln(s.out, "run again with --apply")
		return err
	}
	return o.lift(ctx, tenant, standing)
}

// ownerOf is the tenant whose a stopped template, number, account or credential is.
func (o *operator) ownerOf(ctx context.Context, s *schemas.Stop) (string, error) {
	if s.Scope == "template" {
		tenant, _, _ := strings.Cut(s.ID, "/")
		return tenant, nil
	}
	tenants, err := o.tenants(ctx)
	if err != nil {
		return "", err
	}
	for id, t := range tenants {
		for _, sender := range t.Senders {
			if s.ID == sender.PhoneNumberID || s.Scope == "account" && s.ID == sender.WABA {
				return id, nil
			}
		}
	}
	return "unknown", nil // its tenant has given it up since
}

func (o *operator) lift(ctx context.Context, tenant string, standing schemas.Stop) error {
	if err := o.auditOf(ctx, schemas.AuditRecord{Action: "sender_resumed", TenantID: tenant, Detail: standing.Scope + "/" + standing.ID}); err != nil {
		return err
	}
	lifted := schemas.Stop{Scope: standing.Scope, ID: standing.ID, Reason: "operator", SetAt: time.Now().UTC(), Source: standing.Source}
	event := schemas.StopEvent(schemas.KindResumed, "wlctl", tenant, &standing)
	event.At, event.Reason, event.PolicyVersion = lifted.SetAt, lifted.Reason, wire.PolicyVersion
	value, err := schemas.Stops.Encode(&lifted)
	if err != nil {
		return fmt.Errorf("encode stop: %w", err)
	}
	told, err := schemas.Events.Encode(&event)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	log := o.process.Cluster.Log()
	_, err = log.Append(ctx, []pipeline.Output{
		{Topic: wire.StopsT, Partition: pipeline.AnyPartition, Key: []byte(wire.StopKey(lifted.Scope, lifted.ID)), Value: value},
		{Topic: wire.EventsT, Partition: pipeline.AnyPartition, Key: []byte(event.MessageID), Value: told},
	})
	return err
}
