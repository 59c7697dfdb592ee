package clickhouse

import (
	"strings"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Reasons for which Admit rejects an event; each names what is out of bounds, never its value.
const (
	ReasonIdentity = "event_identity"
	ReasonKind     = "event_kind"
	ReasonTime     = "event_time"
	ReasonWord     = "event_word" // a field of a closed vocabulary holds something else
	ReasonDetail   = "event_detail"
	ReasonRef      = "event_ref"
	ReasonLabels   = "event_labels"
)

var kinds = map[schemas.Kind]bool{
	schemas.KindAccepted: true, schemas.KindRepeated: true, schemas.KindRejected: true, schemas.KindRouted: true,
	schemas.KindParked: true, schemas.KindClaimed: true, schemas.KindSent: true, schemas.KindDelivered: true,
	schemas.KindRead: true, schemas.KindPlayed: true, schemas.KindFailed: true, schemas.KindUnknown: true,
	schemas.KindExpired: true, schemas.KindSuppressed: true, schemas.KindRedacted: true, schemas.KindErased: true,
	schemas.KindHeld: true, schemas.KindGranted: true, schemas.KindReleased: true, schemas.KindShown: true,
	schemas.KindSuspended: true, schemas.KindStopped: true, schemas.KindResumed: true,
}

// Admit is record's decision on an event: it passes unchanged, or is rejected because some field could hold what must
// not be in ClickHouse. Our stages write none such; this keeps a mistake in one of them out of the database.
func Admit(e *schemas.Event) ([]*schemas.Event, error) {
	switch {
	case !kinds[e.Kind]:
		return nil, pipeline.Reject(ReasonKind)
	case !word(e.TenantID, 64) || e.TenantID == "" || !messageID(e.MessageID) || e.Attempt < 0 || e.Attempt > 65535:
		return nil, pipeline.Reject(ReasonIdentity)
	case !inBounds(e.At) || !zeroOrInBounds(e.AcceptedAt) || !zeroOrInBounds(e.DueAt):
		return nil, pipeline.Reject(ReasonTime)
	case !detail(e.Detail):
		return nil, pipeline.Reject(ReasonDetail)
	case !words(e) || !senderID(e.SenderID) || !country(e.Country):
		return nil, pipeline.Reject(ReasonWord)
	case !refs(e):
		return nil, pipeline.Reject(ReasonRef)
	case !labels(e.Labels):
		return nil, pipeline.Reject(ReasonLabels)
	}
	return []*schemas.Event{e}, nil
}

// Times of events lie where ClickHouse's DateTime can hold them and their retention.
var earliest, latest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

func inBounds(t time.Time) bool       { return !t.Before(earliest) && t.Before(latest) }
func zeroOrInBounds(t time.Time) bool { return t.IsZero() || inBounds(t) }

func words(e *schemas.Event) bool {
	for _, s := range [...]string{e.Stage, e.Reason, e.Region, e.Processor, e.TransferBasis, e.Category, e.ContentType,
		e.SizeClass, e.Window, e.PricingCategory, e.PolicyVersion} {
		if !word(s, 64) {
			return false
		}
	}
	if c := e.Copy; c != nil && !word(c.Topic, 200) {
		return false
	}
	return true
}

func refs(e *schemas.Event) bool {
	for _, r := range [...][]byte{e.TemplateRef, e.RecipientRef, e.ProviderRef} {
		if len(r) != 0 && len(r) != 16 {
			return false
		}
	}
	return e.Copy == nil || len(e.Copy.SeedID) == 0 || len(e.Copy.SeedID) == 16
}

// LabelKey reports whether events may bear labels of a key: ASCII letters, digits, "_", "-", "." and ":", at most 48 of them,
// fewer than 7 digits in a row, no wamid.
func LabelKey(key string) bool { return key != "" && word(key, 48) }

func labels(all map[string]string) bool {
	if len(all) > 8 {
		return false
	}
	for k, v := range all {
		if !LabelKey(k) || !word(v, 48) || digits(v) > 6 {
			return false
		}
	}
	return true
}

// word reports whether s is made of ASCII letters, digits, "_", "-", "." and ":" only, at most limit of them, with
// fewer than 7 digits in a row: no text, no phone number; and that it is no wamid, which has these letters too.
func word(s string, limit int) bool {
	if len(s) > limit || isWAMID(s) {
		return false
	}
	run := 0
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			if run++; run > 6 {
				return false
			}
			continue
		case letter(c), c == '_', c == '-', c == '.', c == ':':
		default:
			return false
		}
		run = 0
	}
	return true
}

func isWAMID(s string) bool { return strings.Contains(strings.ToLower(s), "wamid") }

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if '0' <= s[i] && s[i] <= '9' {
			n++
		}
	}
	return n
}

// messageID takes a ULID, a UUID, coordinates (topic/partition/offset) and unknown. A number alone is none: people put
// phone numbers into ids.
func messageID(s string) bool {
	return s == "unknown" || schemas.WellFormedMessageID(s) || coordinates(s)
}

func coordinates(s string) bool {
	parts := strings.Split(s, "/")
	return len(parts) == 3 && parts[0] != "" && word(parts[0], 200) && number(parts[1]) && number(parts[2])
}

func number(s string) bool { return s != "" && len(s) <= 19 && digits(s) == len(s) }

// detail takes coordinates, a due time, a claim or control id, a scope with its id: at most 300 letters, digits and
// separators. A wamid is none of these, though its letters would pass.
func detail(s string) bool {
	if len(s) > 300 || isWAMID(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !letter(c) && (c < '0' || c > '9') && strings.IndexByte("_-.:/|", c) < 0 {
			return false
		}
	}
	return s == "" || digits(s) < len(s)
}

// senderID takes a phone number id: Meta's number for one of the tenant's own senders, not a phone number.
func senderID(s string) bool {
	return len(s) <= 32 && strings.IndexFunc(s, func(r rune) bool {
		return r > 127 || !letter(byte(r)) && (r < '0' || r > '9') && r != '_' && r != '-'
	}) < 0
}

func country(s string) bool {
	return s == "" || len(s) == 2 && 'A' <= s[0] && s[0] <= 'Z' && 'A' <= s[1] && s[1] <= 'Z'
}
