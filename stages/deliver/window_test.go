package deliver

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/schemas"
)

var windowNames = []string{"0s", "20s", "1h", "24h", "72h", "168h"}

func TestAWindowIsShortenedAtOnceAndNeverLengthened(t *testing.T) {
	// Goal: what a tenant asks for after a message was accepted counts only where it is shorter. Method: a table.
	before, after := epoch.Add(-time.Minute), epoch.Add(time.Minute)
	for _, c := range []struct {
		promised, tenant string
		override         string
		effective        time.Time
		until            time.Time
		want             string
	}{
		{"72h", "24h", "", after, epoch, "24h"},
		{"72h", "0s", "", after, epoch, "0s"},
		{"72h", "24h", "", before, epoch, "72h"}, // asked for by the message itself, in the knowledge of the tenant's
		{"24h", "168h", "", after, epoch, "24h"},
		{"72h", "", "", after, epoch, "72h"},
		{"24h", "24h", "168h", after, after, "24h"},
		{"168h", "24h", "72h", after, after, "72h"},
		{"168h", "24h", "72h", after, epoch, "24h"}, // the override ends with what was accepted before epoch
		{"0s", "24h", "", after, epoch, "0s"},
	} {
		m := routedAt(epoch, "m1")
		m.Window = c.promised
		tenant := schemas.Tenant{DiagnosticWindow: c.tenant, EffectiveAt: c.effective}
		if c.override != "" {
			tenant.RetentionOverride = &schemas.Retention{Window: c.override, Until: c.until}
		}
		if got := windowNow(&m, &tenant); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestTheCopyTakesTheWindowAsItIsNow(t *testing.T) {
	// Goal: a tenant that shortens its window while a message is on its way has the copy, and the event, say so. Method: the
	// tenant's record changes between acceptance and outcome.
	w := newWorld(t)
	w.door = func(c call) Answer {
		w.tenant.DiagnosticWindow, w.tenant.EffectiveAt = "24h", w.now
		return accept(c)
	}
	w.own()
	w.route("m1")
	w.run(time.Minute)
	w.want("m1", schemas.KindSent)
	for _, e := range w.told { // of the same record as the copy
		if e.Kind == schemas.KindSent && (e.Window != "24h" || e.DueAt.Sub(e.At) != 24*time.Hour) {
			t.Errorf("window %s, due %v after the outcome", e.Window, e.DueAt.Sub(e.At))
		}
	}
}

func TestNoCopyIsReadableForLongerThanPromised(t *testing.T) {
	// Goal: wherever a copy goes, its key ends within two buckets of outcome + window, as if it had been in time, and where
	// it could be in time it is; without content it goes where its turn comes in order. Method: random windows, lateness
	// and later words of the tenant.
	rapid.Check(t, func(t *rapid.T) {
		shortest := rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "shortest bucket")
		bucket := func(w time.Duration) time.Duration { return max(w/288, shortest) }
		var windows []time.Duration
		for _, name := range windowNames[1:] {
			if d, _ := time.ParseDuration(name); rapid.Bool().Draw(t, name) {
				windows = append(windows, d)
			}
		}
		if len(windows) == 0 {
			windows = []time.Duration{24 * time.Hour}
		}
		names := rapid.SampledFrom(append([]string{"", "100h"}, windowNames...))
		m := routedAt(epoch, "m1")
		m.Window = rapid.SampledFrom(windowNames).Draw(t, "promised")
		tenant := schemas.Tenant{DiagnosticWindow: names.Draw(t, "tenant"), EffectiveAt: epoch.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "effective")))}
		if rapid.Bool().Draw(t, "override") {
			tenant.RetentionOverride = &schemas.Retention{Window: names.Draw(t, "overridden"), Until: epoch.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "until")))}
		}
		promised, _ := time.ParseDuration(m.Window)
		window, err := time.ParseDuration(windowNow(&m, &tenant))
		if err != nil || window > promised {
			t.Fatalf("%v of %v promised, %v", window, promised, err)
		}
		outcome := epoch.Add(time.Hour)
		late := time.Duration(rapid.Int64Range(0, int64(2*promised)).Draw(t, "late"))
		now := outcome.Add(late)
		got := Place(window, outcome, now, windows, bucket)
		exists := false
		for _, w := range windows {
			exists = exists || w == got.Window
			if w == window && late <= bucket(w) && got != (Placement{w, true, outcome.Add(w)}) {
				t.Fatalf("in time, and yet %+v", got)
			}
			if got.Content && w > got.Window && w < window && !now.Add(w).After(outcome.Add(window)) {
				t.Fatalf("%+v, where the lane of %v ends in time too", got, w)
			}
		}
		if !exists || (window == 0 && got.Content) {
			t.Fatalf("%+v among %v", got, windows)
		}
		if !got.Content {
			if got.DueAt != now.Add(windows[0]) || got.Window != windows[0] {
				t.Fatalf("without content %+v", got)
			}
			return
		}
		keyEnds := now.Add(got.Window + bucket(got.Window)) // its seed may have been appended just now
		if limit := outcome.Add(window + 2*bucket(window)); keyEnds.After(limit) || got.DueAt.After(outcome.Add(window)) {
			t.Fatalf("%+v: key ends %v past the bound, due %v past the window", got, keyEnds.Sub(limit), got.DueAt.Sub(outcome.Add(window)))
		}
	})
}
