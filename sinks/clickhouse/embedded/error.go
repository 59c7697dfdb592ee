package embedded

import (
	"regexp"
	"strconv"
)

// QueryError is an exception of the engine: its code and its text. The text may quote values and belongs in answers to
// the one who asked, never in a log.
type QueryError struct {
	Code int
	Text string
}

// Error returns the engine's text.
func (e *QueryError) Error() string { return e.Text }

var exceptionCode = regexp.MustCompile(`Code: (\d+)`)

// newQueryError reads the code out of an exception's text; 49 (LOGICAL_ERROR) where there is none.
func newQueryError(text string) *QueryError {
	e := &QueryError{Code: 49, Text: text}
	if m := exceptionCode.FindStringSubmatch(text); m != nil {
		e.Code, _ = strconv.Atoi(m[1])
	}
	return e
}
