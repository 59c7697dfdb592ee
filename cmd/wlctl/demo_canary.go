package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/whatsapplink/cloud/cmd/internal/canary"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// canaries are the planted text and the number of every recipient: they must not appear behind validate.
type canaries struct{ *canary.Set }

func newCanaries(planted string) canaries {
	c := canaries{canary.New()}
	c.Add("content", planted)
	return c
}

// in reports whether any canary is in b.
func (c canaries) in(b []byte) bool { return len(c.In(b)) > 0 }

// topics scans every record of every topic but requests*, and names those in which a canary was found.
func (c canaries) topics(ctx context.Context, cluster *kafka.Cluster) (found []string, scanned int, err error) {
	topics, err := cluster.Topics(ctx)
	if err != nil {
		return nil, 0, err
	}
	for topic, partitions := range topics {
		if topic == wire.Requests || strings.HasPrefix(topic, wire.Requests+".") {
			continue
		}
		for partition := range partitions {
			err := wire.Scan(ctx, cluster.Tail(topic, partition, kafka.Beginning), func(r pipeline.Record) error {
				scanned++
				hit := c.in(r.Key) || c.in(r.Value)
				for _, h := range r.Headers {
					hit = hit || c.in([]byte(h.Key)) || c.in(h.Value)
				}
				if hit && !slices.Contains(found, topic) {
					found = append(found, topic)
				}
				return nil
			})
			if err != nil {
				return nil, 0, err
			}
		}
	}
	return found, scanned, nil
}

// tables dumps every table and names those in which a canary was found.
func (c canaries) tables(ctx context.Context, db *clickhouse.DB) (found []string, err error) {
	names, err := db.Query(ctx, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT LIKE '%View'")
	if err != nil {
		return nil, err
	}
	for _, row := range names.Values {
		dump, err := db.Query(ctx, fmt.Sprintf("SELECT * FROM `%s`", row[0]))
		if err != nil {
			return nil, err
		}
		for _, values := range dump.Values {
			if c.in([]byte(strings.Join(values, "\x00"))) {
				found = append(found, "table "+row[0])
				break
			}
		}
	}
	return found, nil
}
