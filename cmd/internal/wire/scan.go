package wire

import (
	"context"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// Scan reads a source to the end noted at the start. Markers and what was trimmed never come, so a fetch that brings
// nothing for a while asks the source how far it has got.
func Scan(ctx context.Context, src pipeline.Source, each func(pipeline.Record) error) error {
	first, end, err := src.Bounds(ctx)
	if err != nil {
		return err
	}
	if first == end { // nothing to fetch, and a fetch would wait for something
		src.SeekTo(max(src.Position(), end))
	}
	for src.Position() < end {
		records, err := fetchFor(ctx, src, 300*time.Millisecond)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Offset >= end {
				src.SeekTo(r.Offset) // the rest is a later scan's
				return nil
			}
			if err := each(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetchFor fetches, but gives up after d without an error.
func fetchFor(ctx context.Context, src pipeline.Source, d time.Duration) ([]pipeline.Record, error) {
	short, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	records, err := src.Fetch(short)
	if err != nil && short.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return records, err
}
