package boot

import (
	"io"
	"log/slog"

	"github.com/whatsapplink/cloud/pipeline"
)

// logKeys is the allow-list: what is not named here is not logged, at any level. Message content, phone numbers and
// WhatsApp ids have no key, so no code path can log them by a new attribute.
var logKeys = map[string]bool{
	slog.TimeKey: true, slog.LevelKey: true, slog.MessageKey: true,
	"binary": true, "version": true, "stage": true, "topic": true, "partition": true, "offset": true, "group": true,
	"effect": true, "class": true, "attempts": true, "elapsed": true, "reason": true, "hint": true, "variable": true,
	"address": true, "tenant_id": true, "message_id": true, "control_id": true, "count": true, "window": true,
	"sender_id": true, "error_code": true, "scope": true, "code": true, "table": true, "generation": true, "topics": true,
	"in": true, "loop": true, "position": true, "start": true, "took": true, "tries": true, "first": true, "next": true, "lag": true, "status": true, "path": true, "state": true, "partitions": true,
	"member": true, "error": true, "at": true, "wait": true, "kind": true, "log_start": true, "skipped": true,
}

// NewLogger logs JSON lines with listed keys only.
func NewLogger(binary string, w io.Writer) *slog.Logger {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: listed})
	return slog.New(handler).With("binary", binary)
}

// listed drops attributes that are not on the list, and reduces the value of "error" to nothing but its class: library
// errors quote what they failed on.
func listed(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 || !logKeys[a.Key] {
		return slog.Attr{}
	}
	if err, ok := a.Value.Any().(error); ok {
		return slog.String(a.Key, pipeline.Class(err))
	}
	return a
}
