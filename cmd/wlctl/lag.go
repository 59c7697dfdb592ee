package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

type lagCmd struct {
	JSON bool `help:"JSON lines." name:"json"`
}

// lagRow is how far one group is behind on one topic.
type lagRow struct {
	Group      string `json:"group"`
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions"`
	LagRecords int64  `json:"lag_records"`
}

// reads says which topics each group commits.
var reads = map[string]func(topic string) bool{
	"wl.validate": prefixed("requests"), "wl.route": prefixed("validated"), "wl.redact": prefixed("delivered."),
	"wl.deliver": prefixed("routed", "retry.", "status"), "wl.record": prefixed("events", "receipts", "audit", "suppressions", "tenants"),
	"wl.custody": prefixed("controls"),
}

func prefixed(prefixes ...string) func(string) bool {
	return func(topic string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(topic, p) })
	}
}

// Run prints records not committed yet, by group and topic. Markers and trimmed records count until they are passed.
func (c *lagCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	rows, err := o.lag(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		for _, r := range rows {
			if err := encoder.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "GROUP\tTOPIC\tPARTITIONS\tLAG (RECORDS)")
	for _, r := range rows {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\n", r.Group, r.Topic, r.Partitions, r.LagRecords)
	}
	return table.Flush()
}

func (o *operator) lag(ctx context.Context) ([]lagRow, error) {
	topics, err := o.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	var rows []lagRow
	for group, mine := range reads {
		for topic, partitions := range topics {
			if !mine(topic) {
				continue
			}
			row, err := o.lagOf(ctx, group, topic, partitions)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b lagRow) int { return slices.Compare([]string{a.Group, a.Topic}, []string{b.Group, b.Topic}) })
	return rows, nil
}

func (o *operator) lagOf(ctx context.Context, group, topic string, partitions int) (lagRow, error) {
	row := lagRow{Group: group, Topic: topic, Partitions: partitions}
	committed, err := o.process.Cluster.GroupOffsets(ctx, group, topic)
	if err != nil {
		return row, err
	}
	for p := range partitions {
		first, next, err := o.process.Cluster.Bounds(ctx, topic, p)
		if err != nil {
			return row, err
		}
		at := first
		if offset, ok := committed[topic][p]; ok {
			at = max(offset, first)
		}
		row.LagRecords += max(next-at, 0)
	}
	return row, nil
}
