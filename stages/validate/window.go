package validate

import (
	"slices"
	"strconv"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// maxDeliveryWindow bounds every tenant's delivery window.
const maxDeliveryWindow = 24 * time.Hour

// deadline returns until when a request may be sent, and the smallest window whose keys last that long. Where none does
// (boot refuses such windows) it is the largest.
func (s *Stage) deadline(r *Request, t *schemas.Tenant) (expires time.Time, transit time.Duration, reason string) {
	window := s.DeliveryWindow
	if d, err := time.ParseDuration(t.DeliveryWindow); err == nil && d > 0 {
		window = d
	}
	remaining := min(window, maxDeliveryWindow)
	if !r.ExpiresAt.IsZero() {
		remaining = min(remaining, r.ExpiresAt.Sub(r.AcceptedAt))
	}
	if remaining <= 0 {
		return expires, 0, ReasonExpired
	}
	for _, transit = range s.Windows {
		if transit >= remaining {
			break
		}
	}
	return r.AcceptedAt.Add(remaining), transit, ""
}

// window names the diagnostic window of a request: its own, else the tenant's, a standing override before the ordinary. A
// tenant's record that is later than the request shortens its window at once and lengthens it neither by an override nor
// beyond the default.
func (s *Stage) window(r *Request, t *schemas.Tenant) (name, reason string) {
	if r.DiagnosticWindow != "" {
		d, ok := s.exact(r.DiagnosticWindow)
		if !ok {
			return "", ReasonUnknownWindow
		}
		return windowName(d), ""
	}
	later := r.AcceptedAt.Before(t.EffectiveAt)
	window := s.DiagnosticWindow
	if d, err := time.ParseDuration(t.DiagnosticWindow); err == nil && (!later || d < window) {
		window = d
	}
	if o := t.RetentionOverride; o != nil && r.AcceptedAt.Before(o.Until) {
		if d, err := time.ParseDuration(o.Window); err == nil && (!later || d < window) {
			window = d
		}
	}
	return windowName(s.notLonger(window)), ""
}

// exact finds the window that has this name; 0s always exists.
func (s *Stage) exact(name string) (time.Duration, bool) {
	d, err := time.ParseDuration(name)
	return d, err == nil && (d == 0 || slices.Contains(s.Windows, d)) && windowName(d) == name
}

// notLonger returns the longest window there is that keeps content no longer than d: a promise is never exceeded because
// its window was taken out of service.
func (s *Stage) notLonger(d time.Duration) time.Duration {
	fits := time.Duration(0)
	for _, w := range s.Windows {
		if w <= d {
			fits = w
		}
	}
	return fits
}

// windowName is the window as a Go duration in whole hours, or in whole seconds where those are not whole.
func windowName(d time.Duration) string {
	if d >= time.Hour && d%time.Hour == 0 {
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}
