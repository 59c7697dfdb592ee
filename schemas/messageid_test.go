package schemas

import "testing"

// TestOnlyULIDsAndUUIDsAreMessageIDs: goal: no free text passes as a message id. Method: both forms in both cases, and
// each of them with one thing wrong.
func TestOnlyULIDsAndUUIDsAreMessageIDs(t *testing.T) {
	for id, want := range map[string]bool{
		"01JD3Z8Q4Y5W6V7T8S9R0QPNMK":            true,
		"01jd3z8q4y5w6v7t8s9r0qpnmk":            true,
		"7ZZZZZZZZZZZZZZZZZZZZZZZZZ":            true,
		"0190fa3e-7c5e-7cc0-98c7-3f1a5b0a3d11":  true,
		"0190FA3E-7C5E-7CC0-98C7-3F1A5B0A3D11":  true,
		"":                                      false,
		"8ZZZZZZZZZZZZZZZZZZZZZZZZZ":            false,
		"01JD3Z8Q4Y5W6V7T8S9R0QPNM":             false,
		"01JD3Z8Q4Y5W6V7T8S9R0QPNMKX":           false,
		"01JD3Z8Q4Y5W6V7T8S9R0QPNMU":            false,
		"01JD3Z8Q4Y5W6V7T8S9R0QPNM|":            false,
		"01JD3Z8Q4Y5W6V7T8S9R0QPNM\x10":         false,
		"0190fa3e-7c5e-7cc0-98c7-3f1a5b0a3d1":   false,
		"0190fa3e07c5e-7cc0-98c7-3f1a5b0a3d11":  false,
		"0190fa3e-7c5e-7cc0-98c7-3f1a5b0a3d1g":  false,
		"0190fa3e-7c5e-7cc0-98c7-3f1a5b0a3d1-":  false,
		"{0190fa3e-7c5e-7cc0-98c7-3f1a5b0a3d11": false,
		"+4915112345678":                        false,
	} {
		if got := WellFormedMessageID(id); got != want {
			t.Errorf("WellFormedMessageID(%q) = %v", id, got)
		}
	}
}
