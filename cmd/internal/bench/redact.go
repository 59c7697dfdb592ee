package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

const (
	redactFloor = 20_000
	liveCopies  = 1_000_000 // within their window while redact works
	sealedBytes = 500       // of a copy's content
)

// redact lets redact catch up alone on n copies that fell due while it was down, a million others being within their window.
func (w *world) redact(ctx context.Context, n int) ([]figure, error) {
	const ended, lasting = "delivered.24h", "delivered.72h"
	d, err := w.deploy(ctx, "redacting.", map[string]string{"WL_PARTITIONS": "4", "WL_WINDOWS": "24h,72h"})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	c := w.cluster("redacting.")
	defer c.Close()
	say("redact: %d copies due, %d live", n, liveCopies)
	began := time.Now()
	if err := copies(ctx, c, lasting, liveCopies, func(i int) time.Time { return began.Add(time.Hour + time.Duration(i)*time.Millisecond) }); err != nil {
		return nil, err
	}
	if err := copies(ctx, c, ended, n, func(i int) time.Time { return began.Add(time.Duration(i-n) * time.Millisecond) }); err != nil {
		return nil, err
	}
	f, err := catchUp(ctx, d, c, "redact", ended)
	if err != nil {
		return nil, err
	}
	f.what, f.floor = fmt.Sprintf("redact, %d copies live", liveCopies), redactFloor
	return []figure{f}, nil
}

// copies appends n copies to a lane, under a seed a second.
func copies(ctx context.Context, c *kafka.Cluster, lane string, n int, due func(i int) time.Time) error {
	random := rand.NewChaCha8([32]byte{})
	const batch = 5000
	for from := 0; from < n; from += batch {
		outputs := make([]pipeline.Output, 0, batch)
		for i := from; i < min(from+batch, n); i++ {
			at := due(i)
			seed := schemas.SeedRef{Topic: "keys.24h", SeedID: fmt.Appendf(nil, "%016d", at.Unix()), AppendedAt: at.Add(-24 * time.Hour)}
			sealed := schemas.Sealed{Version: 1, Family: "24h", SeedID: seed.SeedID, Nonce: make([]byte, 12), Ciphertext: make([]byte, sealedBytes)}
			_, _ = random.Read(sealed.Ciphertext)
			id := ulid.MustNew(uint64(at.UnixMilli()), random).String()
			value, err := schemas.Delivereds.Encode(&schemas.Delivered{
				Identity: schemas.Identity{TenantID: "acme-shop", MessageID: id, AcceptedAt: seed.AppendedAt},
				Source:   schemas.Coordinates{Topic: "requests", Offset: int64(i)},
				Route:    schemas.Route{Sender: "106540352242922", WABA: "900", Region: "eu", Processor: "meta", TransferBasis: "same_region"},
				Clear: schemas.Clear{
					Category: schemas.Utility, ContentType: "template", SizeClass: "256", Country: "DE", Window: "24h",
					RecipientRefs: [][]byte{seed.SeedID}, TemplateRef: seed.SeedID, PolicyVersion: "2026-11",
				},
				Outcome: schemas.OutcomeSent, Attempt: 1, ProviderRef: seed.SeedID, OutcomeAt: seed.AppendedAt, DueAt: at,
				Seeds: []schemas.SeedRef{seed}, Content: &sealed,
			})
			if err != nil {
				return err
			}
			outputs = append(outputs, pipeline.Output{Topic: lane, Partition: pipeline.AnyPartition, Key: []byte(id), Value: value})
		}
		if _, err := c.Log().Append(ctx, outputs); err != nil {
			return err
		}
	}
	return nil
}
