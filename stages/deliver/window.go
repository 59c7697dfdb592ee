package deliver

import (
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// windowNow names how long a message's copy may be read: for as long as it was accepted with, or less where its tenant
// has asked for less since. Nothing that was asked for since lengthens it.
func windowNow(m *schemas.Routed, t *schemas.Tenant) string {
	if !m.AcceptedAt.Before(t.EffectiveAt) {
		return m.Window
	}
	asked := t.DiagnosticWindow
	if o := t.RetentionOverride; o != nil && m.AcceptedAt.Before(o.Until) {
		asked = o.Window
	}
	promised, err := time.ParseDuration(m.Window)
	if d, wrong := time.ParseDuration(asked); err != nil || wrong != nil || d >= promised {
		return m.Window
	}
	return asked
}
