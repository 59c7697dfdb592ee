package seal

import (
	"testing"
	"time"
)

func TestAWindowHasOneName(t *testing.T) {
	// Goal: names and durations map one to one, all else is refused. Method: a table each way.
	good := map[string]time.Duration{
		"0s": 0, "1s": second, "20s": 20 * second, "90s": 90 * second,
		"1h": time.Hour, "24h": 24 * time.Hour, "168h": 168 * time.Hour, "87600h": longestWindow,
	}
	for name, d := range good {
		if got, err := ParseWindow(name); err != nil || got != d {
			t.Errorf("ParseWindow(%q) = %v, %v; want %v", name, got, err, d)
		}
		if got := WindowName(d); got != name {
			t.Errorf("WindowName(%v) = %q; want %q", d, got, name)
		}
	}
	for _, name := range []string{"", "h", "s", "24", "0h", "3600s", "024h", "+1h", "-1h", "1.5h", "5m", "1h30m", "24H", " 24h", "87601h", "99999999999999999999h", "72h.2"} {
		if got, err := ParseWindow(name); err == nil {
			t.Errorf("ParseWindow(%q) = %v; want an error", name, got)
		}
	}
}

func TestTheSmallestCoveringWindowIsTaken(t *testing.T) {
	// Goal: the choice does not depend on the list's order and never falls short. Method: a table.
	windows := []time.Duration{72 * time.Hour, 24 * time.Hour, 168 * time.Hour}
	for d, want := range map[time.Duration]time.Duration{
		0: 24 * time.Hour, 24 * time.Hour: 24 * time.Hour, 24*time.Hour + 1: 72 * time.Hour, 168 * time.Hour: 168 * time.Hour,
	} {
		if got, ok := SmallestCovering(windows, d); !ok || got != want {
			t.Errorf("SmallestCovering(%v) = %v, %v; want %v", d, got, ok, want)
		}
	}
	if _, ok := SmallestCovering(windows, 168*time.Hour+1); ok {
		t.Error("a window that is too short was said to cover")
	}
}

func TestBucketsAndBounds(t *testing.T) {
	// Goal: the numbers operators read from the design. Method: the documented values.
	if got := Bucket(24*time.Hour, time.Minute); got != 5*time.Minute {
		t.Errorf("bucket of 24h = %v", got)
	}
	if got := Bucket(time.Hour, time.Minute); got != time.Minute {
		t.Errorf("bucket of 1h = %v", got)
	}
	if got := Bucket(20*second, second); got != second {
		t.Errorf("bucket of 20s = %v", got)
	}
	if got := KeyRetention(72*time.Hour, time.Minute); got != 72*time.Hour+15*time.Minute {
		t.Errorf("key retention of 72h = %v", got)
	}
	if got := Bound(24*time.Hour, time.Minute, 5*time.Minute); got != 24*time.Hour+15*time.Minute {
		t.Errorf("bound of 24h = %v", got)
	}
	if got := KeyTopic("24h"); got != "keys.24h" {
		t.Errorf("key topic = %q", got)
	}
}
