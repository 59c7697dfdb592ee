package wire

import (
	"context"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

const (
	// maxOriginal is how much of a rejected record is kept, sealed.
	maxOriginal = 512 << 10
	// rejectedFor is how long rejected input can be shown and redriven, from its append to rejected.
	rejectedFor = custody.LetterWindow
)

// originals seals what was rejected, which is content until proven otherwise. Nil in a binary without a content key.
type originals struct {
	sealer *seal.Sealer
	window time.Duration
}

// newOriginals seals under the smallest window of at least 24 h, or the longest there is.
func newOriginals(sealer *seal.Sealer, windows []time.Duration) *originals {
	window, ok := seal.SmallestCovering(windows, rejectedFor)
	if !ok {
		window = slices.Max(windows)
	}
	return &originals{sealer, window}
}

// seal puts the first bytes of the original into its letter. Without a key it leaves them out: the letter says where they
// stand, and their own topic keeps them until it is trimmed or its retention ends.
func (o *originals) seal(ctx context.Context, letter *schemas.Rejected, value []byte) (err error) {
	if o == nil {
		return nil
	}
	value = value[:min(len(value), maxOriginal)]
	letter.Original, _, err = o.sealer.Seal(ctx, o.window, letter.TenantID, letter.MessageID, seal.RejectedInput, value)
	return err
}

// envelope is the dead letter of a record of ours: its sealed payload as it came, or, where it does not decode (v is nil),
// what originals makes of its bytes.
func envelope(ctx context.Context, o *originals, stage string, r pipeline.Record, reason string, v *schemas.Validated) ([]pipeline.Output, error) {
	letter := schemas.Rejected{
		Source: coordinates(r.Position), Stage: stage, Reason: reason, TenantID: "unknown", MessageID: r.Position.String(),
		AcceptedAt: r.AppendedAt, SizeBytes: int64(len(r.Value)),
	}
	clear, detail := schemas.Clear{PolicyVersion: PolicyVersion}, letter.Source.String()
	if v != nil {
		letter.TenantID, letter.MessageID, letter.AcceptedAt, letter.Original = v.TenantID, v.MessageID, v.AcceptedAt, v.Payload
		clear, detail = v.Clear, v.Source.String() // a rejection is told under the coordinates of its request
	} else if err := o.seal(ctx, &letter, r.Value); err != nil {
		return nil, err
	}
	id := schemas.Identity{TenantID: letter.TenantID, MessageID: letter.MessageID, AcceptedAt: letter.AcceptedAt}
	event := schemas.NewEvent(schemas.KindRejected, stage, id, &clear, time.Now())
	event.Detail, event.Reason = detail, reason
	return encodeAll(
		record(RejectedT, []byte(letter.Source.String()), schemas.Rejecteds, &letter),
		record(EventsT, []byte(letter.MessageID), schemas.Events, &event),
	)
}
