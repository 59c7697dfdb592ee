package wire

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

// Auditor appends to audit. Each record binds the log its writer had read: ReadTo is the offset up to which ReadHash, a
// SHA-256 chain over the raw values, runs. Many writers need no lock: each binds what it saw.
type Auditor struct {
	cluster *kafka.Cluster
	log     pipeline.Log

	mu    sync.Mutex
	src   pipeline.Source
	chain [sha256.Size]byte
}

// NewAuditor returns an auditor that has read nothing yet.
func NewAuditor(c *kafka.Cluster) *Auditor { return &Auditor{cluster: c, log: c.Log()} }

// Append reads the log to its end, binds it, and returns once the record is acknowledged. What is audited must not
// happen when it returns an error.
func (a *Auditor) Append(ctx context.Context, r schemas.AuditRecord) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.src == nil {
		a.src = a.cluster.Tail(AuditT, 0, kafka.Beginning)
	}
	err := Scan(ctx, a.src, func(rec pipeline.Record) error {
		a.chain = Chain(a.chain, rec.Value)
		return nil
	})
	if err != nil {
		a.src = nil // the chain may have been left in mid-batch: read again from the start
		a.chain = [sha256.Size]byte{}
		return err
	}
	r.ReadTo, r.ReadHash = max(a.src.Position(), 0), a.chain[:]
	outputs, err := encodeAll(record(AuditT, nil, schemas.AuditRecords, &r))
	if err != nil {
		return err
	}
	outputs[0].Partition = 0
	_, err = a.log.Append(ctx, outputs)
	return err
}

// Chain extends the hash of a log by its next value: SHA-256(chain so far || SHA-256(value)).
func Chain(chain [sha256.Size]byte, value []byte) [sha256.Size]byte {
	sum := sha256.Sum256(value)
	return sha256.Sum256(append(chain[:], sum[:]...))
}
