package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// canaries are strings that must not appear behind validate, in any of the forms a careless program gives them.
type canaries struct {
	needles [][]byte
	phones  map[string]bool // the last phoneDigits digits of every number a request was for
}

// phoneDigits are enough to tell a number; runs of as many digits are rare in what is no number.
const phoneDigits = 10

// newCanaries plants a string: raw, hex, URL-escaped, and base64 at the three alignments, whose first and last
// characters depend on the neighbours and are left out.
func newCanaries(planted string) *canaries {
	c := &canaries{phones: map[string]bool{}}
	c.needles = append(c.needles, []byte(planted), []byte(hex.EncodeToString([]byte(planted))), []byte(url.QueryEscape(planted)))
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), planted...))
		c.needles = append(c.needles, []byte(encoded[4:len(encoded)-4]))
	}
	return c
}

// phone adds a number.
func (c *canaries) phone(number string) {
	if digits := strings.TrimPrefix(number, "+"); len(digits) >= phoneDigits {
		c.phones[digits[len(digits)-phoneDigits:]] = true
	}
}

// in reports whether any canary or any known number is in b.
func (c *canaries) in(b []byte) bool {
	for _, n := range c.needles {
		if bytes.Contains(b, n) {
			return true
		}
	}
	run := 0
	for i, x := range b {
		if x < '0' || x > '9' {
			run = 0
			continue
		}
		if run++; run >= phoneDigits && c.phones[string(b[i+1-phoneDigits:i+1])] {
			return true
		}
	}
	return false
}

// topics scans every record of every topic but requests*, and names those in which a canary was found.
func (c *canaries) topics(ctx context.Context, cluster *kafka.Cluster) (found []string, scanned int, err error) {
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
					hit = hit || c.in(h.Value)
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
func (c *canaries) tables(ctx context.Context, db *clickhouse.DB) (found []string, err error) {
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
