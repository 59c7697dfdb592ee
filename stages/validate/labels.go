package validate

import (
	"slices"
	"strings"
)

const maxLabels = 8

// labels judges the labels of a request. They travel in clear, so their keys must be the tenant's and their values too
// narrow for a phone number or a sentence.
func labels(labels map[string]string, declared []string) (reason string) {
	if len(labels) > maxLabels {
		return ReasonTooManyLabels
	}
	// A map has no order: the graver fault is named whichever label comes first.
	for key, value := range labels {
		if !slices.Contains(declared, key) {
			return ReasonUndeclaredLabel
		}
		if !isLabelValue(value) {
			reason = ReasonInvalidLabel
		}
	}
	return reason
}

// isLabelValue reports ^[a-z0-9_.-]{1,48}$ with fewer than 7 digits in all, and no wamid.
func isLabelValue(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case isLower(c) || c == '_' || c == '.' || c == '-':
		default:
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 48 && digits < 7 && !strings.Contains(s, "wamid")
}
