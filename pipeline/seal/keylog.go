package seal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// keyLog reads the key topic of one window into the index.
type keyLog struct {
	family    string
	retention time.Duration
	seeds     *index
	source    pipeline.Source
	turn      chan struct{} // held by the one who reads
}

// A key topic is small: one record a sealer and bucket.
const (
	readBound = 15 * time.Second       // for reading to the end that was noted
	fetchTurn = 250 * time.Millisecond // after which to see whether only markers are left
)

var errReadBound = errors.New("end of key topic was not reached in time")

// readToEnd reads on to the end that the key topic has now, or until the seed was found.
func (k *keyLog) readToEnd(ctx context.Context, want seedKey) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readBound, errReadBound)
	defer cancel()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return k.failed(context.Cause(ctx))
	}
	if _, _, ok := k.seeds.get(want); ok {
		return nil // found by the one before
	}
	first, end, err := k.source.Bounds(ctx)
	if err != nil {
		return k.failed(err)
	}
	if at := k.source.Position(); at < first || at > end {
		k.source.SeekTo(first) // at the start, behind what retention took, or past the end of a topic made anew
	}
	for k.source.Position() < end {
		if err := k.fetch(ctx); err != nil {
			return k.failed(err)
		}
	}
	return nil
}

// fetch reads some records into the index; none, without an error, when a turn passes.
func (k *keyLog) fetch(ctx context.Context) error {
	turn, cancel := context.WithTimeout(ctx, fetchTurn)
	defer cancel()
	records, err := k.source.Fetch(turn)
	for _, r := range records {
		k.add(r)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case turn.Err() != nil:
		return nil
	}
	return err
}

// add takes one record. One that cannot be read is remembered as such: what it seals is not gone, and a later version of
// this program may read it.
func (k *keyLog) add(r pipeline.Record) {
	if len(r.Key) != seedIDBytes {
		return
	}
	key := seedKey{k.family, seedID(r.Key)}
	record, err := schemas.Seeds.Decode(r.Value)
	if err != nil || record.Version != version || string(record.SeedID) != string(r.Key) {
		record.Wrapped = nil
	}
	k.seeds.add(key, record.Wrapped, r.AppendedAt, k.retention)
}

func (k *keyLog) failed(err error) error {
	return fmt.Errorf("read %s: %w", KeyTopic(k.family), err)
}
