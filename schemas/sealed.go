package schemas

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Sealed is an AES-256-GCM ciphertext and what it takes to find its key. Additional data: version, tenant, message,
// purpose. It prints as [sealed] and refuses to be marshalled, so that it cannot reach a log or a table by accident.
type Sealed struct {
	Version    int32  `avro:"version"`
	Family     string `avro:"family"`      // key topic family: a window ("24h") or "held"
	SeedID     []byte `avro:"seed_id"`     // 16 bytes
	OffsetHint int64  `avro:"offset_hint"` // where the seed was appended; a hint only
	Nonce      []byte `avro:"nonce"`       // 12 bytes
	Ciphertext []byte `avro:"ciphertext"`  // with the 16-byte tag
}

var errSealed = errors.New("a sealed value is not marshalled")

// Format prints [sealed] for every verb.
func (Sealed) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[sealed]") }

// String returns [sealed].
func (Sealed) String() string { return "[sealed]" }

// LogValue logs [sealed].
func (Sealed) LogValue() slog.Value { return slog.StringValue("[sealed]") }

// MarshalJSON refuses.
func (Sealed) MarshalJSON() ([]byte, error) { return nil, errSealed }

// GobEncode refuses.
func (Sealed) GobEncode() ([]byte, error) { return nil, errSealed }

// MarshalText refuses.
func (Sealed) MarshalText() ([]byte, error) { return nil, errSealed }

// SeedRef names a seed under which a copy of a message was sealed; what a receipt waits for.
type SeedRef struct {
	Topic      string    `avro:"topic"`       // keys.<window>, without the prefix
	SeedID     []byte    `avro:"seed_id"`     // 16 bytes
	AppendedAt time.Time `avro:"appended_at"` // timestamp-micros, the broker's append time of the seed
}

// Seed is the value of a key topic: the wrapped root (or, once punctured, the remaining nodes) of one tree of keys.
type Seed struct {
	SeedID        []byte    `avro:"seed_id"` // 16 bytes
	Version       int32     `avro:"version"`
	KeeperVersion string    `avro:"keeper_version"` // which root key wrapped it; an opaque short name
	FirstUseAt    time.Time `avro:"first_use_at"`   // timestamp-micros
	Wrapped       []byte    `avro:"wrapped"`        // keeper ciphertext of the encoded NodeList
}

// Format prints [redacted] for every verb.
func (NodeList) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// LogValue logs [redacted].
func (NodeList) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalJSON refuses.
func (NodeList) MarshalJSON() ([]byte, error) { return nil, errSealed }

// GobEncode refuses.
func (NodeList) GobEncode() ([]byte, error) { return nil, errSealed }

// Format prints [redacted] for every verb.
func (Node) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// LogValue logs [redacted].
func (Node) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalJSON refuses.
func (Node) MarshalJSON() ([]byte, error) { return nil, errSealed }

// GobEncode refuses.
func (Node) GobEncode() ([]byte, error) { return nil, errSealed }

// Payload is the plaintext of a sealed message: what leaves for Meta and nothing else.
type Payload struct {
	Recipient Recipient `avro:"recipient"` // normalised: E.164 with plus
	Content   Content   `avro:"content"`
	ReplyTo   string    `avro:"reply_to,null"`
}

// Format prints [content] for every verb.
func (Payload) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[content]") }

// LogValue logs [content].
func (Payload) LogValue() slog.Value { return slog.StringValue("[content]") }

// Diagnostics is the plaintext of a sealed provider answer, kept beside the diagnostic copy.
type Diagnostics struct {
	WAMID      string `avro:"wamid,null"`
	WaID       string `avro:"wa_id,null"`
	HTTPStatus int32  `avro:"http_status"`
	ErrorText  string `avro:"error_text,null"`
	TraceID    string `avro:"fbtrace_id,null"`
}

// Format prints [content] for every verb.
func (Diagnostics) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[content]") }

// LogValue logs [content].
func (Diagnostics) LogValue() slog.Value { return slog.StringValue("[content]") }
