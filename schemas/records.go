package schemas

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
)

//go:embed *.avsc
var files embed.FS

// One codec per record; see the type for what it means and the .avsc file for its fields.
var (
	MessageRequests  = newCodec[MessageRequest]("message_request")
	Validateds       = newCodec[Validated]("validated")
	Routeds          = newCodec[Routed]("routed")
	Attempts         = newCodec[Attempt]("attempt")
	Statuses         = newCodec[Status]("status")
	Delivereds       = newCodec[Delivered]("delivered")
	Redacteds        = newCodec[Redacted]("redacted")
	Rejecteds        = newCodec[Rejected]("rejected")
	Seeds            = newCodec[Seed]("seed")
	Nodes            = newCodec[NodeList]("node_list")
	Payloads         = newCodec[Payload]("payload")
	DiagnosticsCodec = newCodec[Diagnostics]("diagnostics")
	Events           = newCodec[Event]("event")
	Outcomes         = newCodec[Outcome]("outcome")
	Receipts         = newCodec[Receipt]("receipt")
	Tenants          = newCodec[Tenant]("tenant")
	Suppressions     = newCodec[Suppression]("suppression")
	Stops            = newCodec[Stop]("stop")
	Controls         = newCodec[Control]("control")
	Answers          = newCodec[Answer]("answer")
	AuditRecords     = newCodec[AuditRecord]("audit_record")
)

// newCodec binds T to the versions of its schema: <record>.v1.avsc and up, without gaps. It panics where they do not
// fit each other: both are part of this package.
func newCodec[T any](record string) *Codec[T] {
	var texts []string
	for version := 1; ; version++ {
		text, err := files.ReadFile(fmt.Sprintf("%s.v%d.avsc", record, version))
		if errors.Is(err, fs.ErrNotExist) && version > 1 {
			break
		}
		if err != nil {
			panic(fmt.Sprintf("schemas: read %s: %v", record, err))
		}
		texts = append(texts, string(text))
	}
	b, err := newBinding(reflect.TypeFor[T](), texts)
	if err != nil {
		panic(fmt.Sprintf("schemas: bind %s: %v", record, err))
	}
	return &Codec[T]{b}
}
