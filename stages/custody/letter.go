package custody

import (
	"strings"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// LetterWindow is how long rejected input can be shown and redriven, from when its letter was appended.
const LetterWindow = 24 * time.Hour

// Letter is a dead letter as it stands in rejected.
type Letter struct {
	schemas.Rejected
	AppendedAt time.Time // of the letter, not of the original
}

// Whole says whether what is sealed is the record that came, and not the payload of a record of ours that decoded, which
// goes through as it is, sealed for transit.
func (l *Letter) Whole() bool { return l.Stage == "validate" || l.MessageID == l.Source.String() }

// Refusal returns why a letter may not be had as asked, "" when it may. Who asks is not its matter.
func (l *Letter) Refusal(in *Asked) string {
	c := &in.Control
	switch {
	case l == nil || l.TenantID != c.TenantID || l.Source.String() != c.MessageID:
		return ReasonNotFound
	case !in.Now.Before(l.AppendedAt.Add(LetterWindow)):
		return ReasonWindowOver
	case len(l.Original.Ciphertext) == 0:
		return ReasonNoContent
	case c.Verb == ShowRejected:
		return ""
	case !l.Whole() || !request(l.Source.Topic):
		return ReasonNotARequest
	case l.SizeBytes > kept(l):
		return ReasonTruncated
	}
	return ""
}

// request says whether a topic takes requests. Nothing else is published again: what a stage wrote is final once it was
// rejected, and only a request begins a message.
func request(topic string) bool { return topic == "requests" || strings.HasPrefix(topic, "requests.") }

// tagBytes is what sealing adds to a value.
const tagBytes = 16

// kept is how many bytes of the original a letter holds.
func kept(l *Letter) int64 { return int64(len(l.Original.Ciphertext)) - tagBytes }
