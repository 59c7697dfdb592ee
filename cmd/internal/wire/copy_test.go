package wire

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
)

func TestACopyIsSealedForWhatIsLeftOfItsWindow(t *testing.T) {
	// Goal: a copy's lane and the key topic of its seals are those of its window, of a shorter one when it is late, and there
	// is no content where nothing may stay or nothing can be opened; every seed of the message stands in clear, for its
	// receipt. Method: a table of copies, made on a broker and opened.
	d := deploy(t)
	d.route(1)
	routed := decodeAll(d, RoutedT, schemas.Routeds)[0]
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		t.Fatal(err)
	}
	opener := newOpener(d.cluster, keeper, testWindows)
	part := &deliverPart{deliverer: &deliverer{
		log: d.cluster.Log(), windows: testWindows, opener: opener, sealer: newSealer(d.cluster.Log(), keeper, testWindows, nil),
	}}
	gone := routed
	gone.Payload.SeedID = bytes.Repeat([]byte{7}, 16)
	for _, c := range []struct {
		name   string
		routed schemas.Routed
		window string
		late   time.Duration
		lane   string
		sealed bool
	}{
		{"in time", routed, "60s", 0, "60s", true},
		{"late", routed, "60s", 20 * time.Second, "3s", true},
		{"too late", routed, "60s", 58 * time.Second, "3s", false},
		{"window zero", routed, "0s", 0, "3s", false},
		{"no window", routed, "for ever", 0, "3s", false},
		{"a window that is no more", routed, "30s", 0, "3s", true},
		{"transit seed gone", gone, "60s", 0, "60s", false},
	} {
		c.routed.Window = c.window
		made, err := part.copy(within(t), deliver.Copy{
			Routed: c.routed, Outcome: schemas.Attempt{Class: schemas.OutcomeSent}, OutcomeAt: time.Now().Add(-c.late),
			Diagnostics: &schemas.Diagnostics{WAMID: "wamid.CANARY"},
		})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		at := made.(*schemas.Copy)
		copies := decodeAll(d, "delivered."+c.lane, schemas.Delivereds)
		if at.Topic != "delivered."+c.lane || len(copies) == 0 {
			t.Errorf("%s: in %s", c.name, at.Topic)
			continue
		}
		got := copies[len(copies)-1]
		if len(got.Seeds) == 0 || !bytes.Equal(got.Seeds[0].SeedID, routed.Seed.SeedID) || got.Seeds[0].Topic != "keys.60s" {
			t.Errorf("%s: the transit seed is not named: %v", c.name, got.Seeds)
		}
		if !c.sealed {
			if got.Content != nil || got.Diagnostics != nil || len(got.Seeds) != 1 || at.SeedID != nil {
				t.Errorf("%s: content %v, diagnostics %v, %d seeds", c.name, got.Content != nil, got.Diagnostics != nil, len(got.Seeds))
			}
			continue
		}
		named := map[string]bool{}
		for _, s := range got.Seeds[1:] {
			named[s.Topic+string(s.SeedID)] = true
		}
		for _, s := range []*schemas.Sealed{got.Content, got.Diagnostics} {
			if s == nil || s.Family != c.lane || !named["keys."+c.lane+string(s.SeedID)] {
				t.Fatalf("%s: not sealed under a named seed of keys.%s", c.name, c.lane)
			}
			if _, err := opener.Open(within(t), *s, got.TenantID, got.MessageID, seal.Diagnostic); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

// slowLog acknowledges nothing before a time.
type slowLog struct {
	pipeline.Log
	until time.Time
}

func (l slowLog) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	<-time.After(time.Until(l.until))
	return l.Log.Append(ctx, outputs)
}

func TestACopyThatBecomesLateIsPlacedAnew(t *testing.T) {
	// Goal: a seed that is slow to come does not let a copy stay longer than it should. Method: the key topic acknowledges
	// only when the copy's bucket is over; the effect is repeated as the loop repeats it.
	d := deploy(t)
	d.route(1)
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		t.Fatal(err)
	}
	routed := decodeAll(d, RoutedT, schemas.Routeds)[0]
	outcomeAt := time.Now().Add(-700 * time.Millisecond)
	slow := slowLog{d.cluster.Log(), outcomeAt.Add(time.Second)}
	part := &deliverPart{deliverer: &deliverer{
		log: d.cluster.Log(), windows: testWindows, opener: newOpener(d.cluster, keeper, testWindows), sealer: newSealer(slow, keeper, testWindows, nil),
	}}
	e := deliver.Copy{Routed: routed, Outcome: schemas.Attempt{Class: schemas.OutcomeSent}, OutcomeAt: outcomeAt}
	err = pipeline.Retry(within(t), pipeline.Backoff{}, "copy", func(ctx context.Context) error {
		_, err := part.copy(ctx, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if late, inTime := d.read(DeliveredLane(3*time.Second)), d.read(DeliveredLane(time.Minute)); len(late) != 1 || len(inTime) != 0 {
		t.Errorf("%d in the shorter lane, %d in its own", len(late), len(inTime))
	}
}
