package seal

import (
	"errors"
	"strconv"
	"time"
)

// A window is at least so many buckets long, unless the shortest bucket is longer.
const bucketsPerWindow = 288

const longestWindow = 10 * 365 * 24 * time.Hour

var errWindow = errors.New(`window is not whole hours ("24h") or whole seconds ("20s")`)

// ParseWindow reads a window's name: whole hours ("24h"), whole seconds ("20s") or "0s" for none. A window has one name
// only, so "3600s" is refused.
func ParseWindow(s string) (time.Duration, error) {
	if len(s) < 2 {
		return 0, errWindow
	}
	unit := time.Second
	if s[len(s)-1] == 'h' {
		unit = time.Hour
	}
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	if err != nil || n < 0 || n > int64(longestWindow/unit) {
		return 0, errWindow
	}
	d := time.Duration(n) * unit
	if WindowName(d) != s {
		return 0, errWindow
	}
	return d, nil
}

// WindowName is the name of a window of whole seconds, as ParseWindow reads it.
func WindowName(d time.Duration) string {
	switch {
	case d != 0 && d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return d.String()
}

// SmallestCovering returns the smallest window of at least d; ok is false if none is.
func SmallestCovering(windows []time.Duration, d time.Duration) (window time.Duration, ok bool) {
	for _, w := range windows {
		if w >= d && (!ok || w < window) {
			window, ok = w, true
		}
	}
	return window, ok
}

// Bucket is how long a sealer uses one seed of a window: window/288, at least shortest (a minute; a second in demo and
// tests).
func Bucket(window, shortest time.Duration) time.Duration {
	return max(window/bucketsPerWindow, shortest)
}

// KeyRetention is how long a key topic keeps a seed after its append: window + one bucket, so that what was sealed at the
// bucket's end stays readable for the whole window. It is retention.ms of the topic.
func KeyRetention(window, shortest time.Duration) time.Duration {
	return window + Bucket(window, shortest)
}

// Bound is the promise: after so long nobody can open what was sealed under a window, with every process of ours dead.
// check is the broker's log.retention.check.interval.ms.
func Bound(window, shortest, check time.Duration) time.Duration {
	return window + 2*Bucket(window, shortest) + check
}

// KeyTopic is the key topic of a window's name, without the deployment's prefix.
func KeyTopic(window string) string { return "keys." + window }
