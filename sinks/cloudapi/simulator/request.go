package simulator

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// request is one send whose form was found right.
type request struct {
	sender       string
	input        string // to or recipient, as sent
	to           string // digits, "" where sent to a user id
	userID       string
	kind         string
	callbackData string
	identity     identity
	digest       [sha256.Size]byte // of the body without callback data: the same content gives the same digest
}

// address is the digits or the user id the send goes to.
func (r *request) address() string {
	if r.to != "" {
		return r.to
	}
	return r.userID
}

// maxBody is far above the largest valid request.
const maxBody = 1 << 20

// versions are those Graph answers in November 2026: v21.0 to v26.0.
var versions = regexp.MustCompile(`^v2[1-6]\.0$`)

// read checks everything about a request that does not depend on other requests.
func (s *Simulator) read(w http.ResponseWriter, hr *http.Request) (*request, *refusal) {
	if !versions.MatchString(hr.PathValue("version")) {
		return nil, &refusal{code: 100, reason: "version", details: "the version segment is missing, unknown or expired"}
	}
	r := &request{sender: hr.PathValue("sender")}
	if f := s.authorize(hr, r.sender); f != nil {
		return nil, f
	}
	if media, _, err := mime.ParseMediaType(hr.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, invalid("content_type", "the content type is not application/json")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, invalid("body_size", "the body is too large")
	case err != nil: // its sender died, or gave up: it is no request, and nobody waits for an answer
		panic(http.ErrAbortHandler)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var body object
	if decoder.Decode(&body) != nil || decoder.More() {
		return nil, invalid("not_json", "the body is not one JSON object")
	}
	if f := r.envelope(body); f != nil {
		return nil, f
	}
	if f := s.content(r, body); f != nil {
		return nil, f
	}
	delete(body, "biz_opaque_callback_data")
	canonical, err := json.Marshal(body) // keys sorted
	if err != nil {
		return nil, invalid("not_json", "the body is not one JSON object")
	}
	r.digest = sha256.Sum256(canonical)
	return r, nil
}

// authorize holds token and sender together.
func (s *Simulator) authorize(hr *http.Request, sender string) *refusal {
	header := hr.Header.Get("Authorization")
	token, bearer := strings.CutPrefix(header, "Bearer ")
	owner, known := s.config.Senders[sender]
	switch {
	case header == "":
		return &refusal{code: 200, reason: "no_token", details: "no access token"}
	case !bearer:
		return &refusal{code: 0, reason: "no_token", details: "the authorization is no bearer token"}
	case known && same(token, owner.Token):
		return nil
	}
	for _, other := range s.config.Senders {
		if same(token, other.Token) {
			if known {
				return &refusal{code: 200, reason: "foreign_token", details: "the token may not use this phone number"}
			}
			return &refusal{code: 100, subcode: 33, reason: "unknown_sender", details: "the object does not exist"}
		}
	}
	return &refusal{code: 190, reason: "invalid_token", details: "invalid OAuth access token"}
}

func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

var (
	phone  = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	userID = regexp.MustCompile(`^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$`)
	spaces = strings.NewReplacer("-", "", "(", "", ")", "", " ", "")
)

// envelope reads the fields common to all types.
func (r *request) envelope(b object) *refusal {
	if b.text("messaging_product") != "whatsapp" {
		return invalid("messaging_product", "messaging_product must be whatsapp")
	}
	if t := b.text("recipient_type"); b["recipient_type"] != nil && t != "individual" {
		return &refusal{code: 131009, reason: "recipient_type", details: "recipient_type must be individual"}
	}
	if f := r.recipient(b); f != nil {
		return f
	}
	if r.kind = b.text("type"); r.kind == "" {
		return missing("type")
	}
	for _, name := range []string{"ttl_seconds", "category"} {
		if b[name] != nil {
			return invalid(name, name+" is for Direct Send only")
		}
	}
	if c := b["context"]; c != nil && asObject(c).text("message_id") == "" {
		return missing("context.message_id")
	} else if c != nil && r.kind == "reaction" {
		return badValue("context", "a reaction is no reply")
	}
	if data := b["biz_opaque_callback_data"]; data != nil {
		r.callbackData = b.text("biz_opaque_callback_data")
		if r.callbackData == "" || len([]rune(r.callbackData)) > 512 {
			return invalid("callback_data", "biz_opaque_callback_data must have 1 to 512 characters")
		}
		r.identity = parseIdentity(r.callbackData)
	}
	return nil
}

// recipient reads to, which wins, or recipient. A number without its plus is refused: Meta would put the sender's
// country in front of it.
func (r *request) recipient(b object) *refusal {
	switch to := b.text("to"); {
	case to != "":
		digits := spaces.Replace(to)
		if !phone.MatchString(digits) {
			return &refusal{code: 131009, reason: "to", details: "to must be a number with plus and country code"}
		}
		r.input, r.to = to, digits[1:]
	case b.text("recipient") != "":
		r.input = b.text("recipient")
		if r.userID = r.input; !userID.MatchString(r.userID) {
			return &refusal{code: 131009, reason: "recipient", details: "recipient must be a business-scoped user id"}
		}
	default:
		return missing("to")
	}
	return nil
}
