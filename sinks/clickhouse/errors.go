package clickhouse

import (
	"context"
	"errors"
	"net"
	"strconv"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// Exception codes of ClickHouse that are told apart here.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
	codeAccessDenied    = 497
)

// Error is what went wrong with ClickHouse: what was attempted, and the code of its exception or a class. The text of
// the cause is dropped, because ClickHouse quotes values and clickhouse-go quotes rows.
type Error struct {
	Op   string // what was attempted
	Code int32  // of ClickHouse's exception, 0 where there was none
	kind string // without a code: net, deadline, canceled, client
	ctx  error  // context.Canceled, context.DeadlineExceeded or nil
}

// Error returns the attempt and the class.
func (e *Error) Error() string { return e.Op + ": clickhouse: " + e.Class() }

// Class returns exception_<code>, net, deadline, canceled or client.
func (e *Error) Class() string {
	if e.Code != 0 {
		return "exception_" + strconv.Itoa(int(e.Code))
	}
	return e.kind
}

// Unwrap returns the context's error where the context ended the attempt.
func (e *Error) Unwrap() error { return e.ctx }

func classify(op string, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e // of a statement within the attempt
	}
	e := &Error{Op: op}
	var exception *ch.Exception
	var network net.Error
	switch {
	case errors.As(err, &exception):
		e.Code = exception.Code
	case errors.Is(err, context.Canceled):
		e.kind, e.ctx = "canceled", context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		e.kind, e.ctx = "deadline", context.DeadlineExceeded
	case errors.As(err, &network):
		e.kind = "net"
	default:
		e.kind = "client"
	}
	return e
}

// isCode reports whether err is ClickHouse's exception of a code.
func isCode(err error, code int32) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// What Migrated finds.
var (
	errStale   = errors.New("clickhouse: the schema is not migrated to this version")
	errRepeats = errors.New("clickhouse: the table events does not deduplicate inserts (deduplication window 0)")
)
