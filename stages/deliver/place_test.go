package deliver

import (
	"testing"
	"time"
)

func TestCopyGoesWhereItEndsInTime(t *testing.T) {
	// Goal: a copy is never readable for longer than its window from the outcome on. Method: a table of lateness.
	windows := []time.Duration{24 * time.Hour, 72 * time.Hour, 168 * time.Hour}
	bucket := func(w time.Duration) time.Duration { return max(w/288, time.Minute) }
	outcome := epoch
	for _, c := range []struct {
		name         string
		window, late time.Duration
		want         Placement
	}{
		{"in time", 72 * time.Hour, 15 * time.Minute, Placement{72 * time.Hour, true, outcome.Add(72 * time.Hour)}},
		{"a bucket late", 72 * time.Hour, 16 * time.Minute, Placement{24 * time.Hour, true, outcome.Add(24*time.Hour + 16*time.Minute)}},
		{"late in the longest", 168 * time.Hour, 96 * time.Hour, Placement{72 * time.Hour, true, outcome.Add(168 * time.Hour)}},
		{"too late for any", 24 * time.Hour, time.Hour, Placement{24 * time.Hour, false, outcome.Add(25 * time.Hour)}},
		{"window zero", 0, time.Second, Placement{24 * time.Hour, false, outcome.Add(24*time.Hour + time.Second)}},
		{"window that is no more", 100 * time.Hour, time.Second, Placement{72 * time.Hour, true, outcome.Add(72*time.Hour + time.Second)}},
	} {
		got := Place(c.window, outcome, outcome.Add(c.late), windows, bucket)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if got.Content && got.Window != c.window && outcome.Add(c.late).Add(got.Window).After(outcome.Add(c.window)) {
			t.Errorf("%s: readable past its window", c.name)
		}
	}
}

func TestLanesLieBelowTheWaitAndBeforeTheDeadline(t *testing.T) {
	for _, c := range []struct {
		wait, limit time.Duration
		want        string
	}{
		{4 * time.Second, time.Hour, "retry.10s"}, {30 * time.Second, time.Hour, "retry.10s"}, {time.Minute, time.Hour, "retry.1m"},
		{59 * time.Minute, 5 * time.Hour, "retry.10m"}, {5 * time.Hour, 24 * time.Hour, "retry.1h"},
		{5 * time.Hour, 30 * time.Minute, "retry.10m"}, {time.Minute, 10 * time.Second, ""},
	} {
		got, _ := laneFor(c.wait, c.limit)
		if got.Topic != c.want {
			t.Errorf("a wait of %v with %v left: %q, want %q", c.wait, c.limit, got.Topic, c.want)
		}
	}
}
