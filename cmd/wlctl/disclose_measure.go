package main

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// lateness is how long after the latest end of window in a bucket its receipt was written.
type lateness struct {
	Receipts int     `json:"receipts"`
	P50      float64 `json:"p50_seconds"`
	P99      float64 `json:"p99_seconds"`
	Max      float64 `json:"max_seconds"`
}

// measured is how far back receipts are read.
const measured = 24 * time.Hour

// latenesses measures receipts by state: expired tells when reading ended and copies were stripped, erased when the bytes of
// the keys were seen gone. Where a bucket has several of a state, which grow with it, the one of most copies counts.
func (o *operator) latenesses(ctx context.Context, partitions int) (map[string]lateness, error) {
	largest := map[string]map[string]schemas.Receipt{}
	for partition := range partitions {
		from, err := o.process.Cluster.OffsetAt(ctx, wire.ReceiptsT, partition, time.Now().Add(-measured))
		if err != nil {
			return nil, err
		}
		err = wire.Scan(ctx, o.process.Cluster.Tail(wire.ReceiptsT, partition, from), func(r pipeline.Record) error {
			receipt, err := schemas.Receipts.Decode(r.Value)
			if err != nil {
				return nil //nolint:nilerr // none of redact's
			}
			byKey := largest[receipt.State]
			if byKey == nil {
				byKey = map[string]schemas.Receipt{}
				largest[receipt.State] = byKey
			}
			if receipt.Count >= byKey[string(r.Key)].Count {
				byKey[string(r.Key)] = receipt
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	all := map[string]lateness{}
	for state, byKey := range largest {
		late := make([]time.Duration, 0, len(byKey))
		for _, r := range byKey {
			late = append(late, r.ObservedAt.Sub(r.Deadline))
		}
		slices.Sort(late)
		at := func(q float64) float64 { return late[int(q*float64(len(late)-1)+0.5)].Seconds() }
		all[state] = lateness{Receipts: len(late), P50: at(0.5), P99: at(0.99), Max: at(1)}
	}
	return all, nil
}

// plaintext is the oldest request of a topic that was not trimmed.
type plaintext struct {
	Topic   string  `json:"topic"`
	Seconds float64 `json:"age_seconds"` // 0: none stands
}

var errFound = errors.New("found")

// oldestPlaintext looks at the first record of every partition that takes requests.
func (o *operator) oldestPlaintext(ctx context.Context, existing map[string]int) ([]plaintext, error) {
	var all []plaintext
	for _, topic := range slices.Sorted(maps.Keys(existing)) {
		if topic != wire.Requests && !strings.HasPrefix(topic, wire.RequestsOf("")) {
			continue
		}
		p := plaintext{Topic: topic}
		for partition := range existing[topic] {
			first, _, err := o.process.Cluster.Bounds(ctx, topic, partition)
			if err != nil {
				return nil, err
			}
			err = wire.Scan(ctx, o.process.Cluster.Tail(topic, partition, first), func(r pipeline.Record) error {
				p.Seconds = max(p.Seconds, time.Since(r.AppendedAt).Seconds())
				return errFound
			})
			if err != nil && !errors.Is(err, errFound) {
				return nil, err
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// tableTerms say after how long ClickHouse removes a table's rows, as read back.
type tableTerms struct {
	Table string `json:"table"`
	TTL   string `json:"ttl"`
	From  string `json:"retain_until"` // how rows come by the column that the TTL names
}

// keptDays is how long a table's rows stay, as migrated; 0 where the writer of the row says.
var keptDays = map[string]int{
	"events": 400, "messages": 0, "delivery_hourly": 400, "refreshes": 2, "receipts": 730, "audit": 400, "suppression_history": 730,
	"policy_history": 730, "rights_requests": 730, "tombstones": 400,
}

const askTables = `SELECT name, extract(engine_full, 'TTL (.+?)(?: SETTINGS|$)'),
    (SELECT any(default_expression) FROM system.columns AS c WHERE c.database = currentDatabase() AND c.table = t.name AND c.name = 'retain_until')
FROM system.tables AS t WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name`

var intervalDays = regexp.MustCompile(`toIntervalDay\((\d+)\)`)

// tables reads the tables' ends back. A ClickHouse that does not answer is said so, and is no drift.
func (o *operator) tables(ctx context.Context, d *disclosure) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	db, err := o.clickHouse()
	if err != nil {
		d.TablesUnread = "WL_CLICKHOUSE_URL cannot be used"
		return
	}
	rows, err := db.Query(ctx, askTables)
	if err != nil {
		d.TablesUnread = "ClickHouse does not answer where WL_CLICKHOUSE_URL says it is"
		return
	}
	for _, r := range rows.Values {
		t := tableTerms{r[0], r[1], r[2]}
		d.Tables = append(d.Tables, t)
		days, ours := keptDays[t.Table]
		found := intervalDays.FindStringSubmatch(t.TTL + " " + t.From)
		switch {
		case !ours: // schema_migrations holds nothing of anyone
		case t.TTL == "":
			d.Drift = append(d.Drift, wire.Drift{Topic: "table " + t.Table, Setting: "TTL", Want: "retain_until", Have: "none", Weakens: true})
		case days > 0 && (found == nil || found[1] != strconv.Itoa(days)):
			have, _ := strconv.Atoi(append(found, "", "")[1])
			d.Drift = append(d.Drift, wire.Drift{Topic: "table " + t.Table, Setting: "TTL", Want: strconv.Itoa(days) + " d", Have: strings.TrimSpace(t.TTL + " " + t.From), Weakens: have == 0 || have > days})
		}
	}
}

// milliseconds reads a setting of Kafka's; 0 where it is none.
func milliseconds(setting string) time.Duration {
	ms, _ := strconv.ParseInt(setting, 10, 64)
	return time.Duration(ms) * time.Millisecond
}
