package pipeline

import "errors"

// Stage is one decision: a pure function from one decoded record to its results, or an error. It knows no Kafka,
// network, clock or randomness. An error that is a Rejection is the record's fault and sends it to the dead letters;
// any other error is the world's: it is retried, and past the bound stops the process.
type Stage[In, Out any] func(In) ([]Out, error)

// Rejection says that a record can never pass: the same input gives the same rejection.
type Rejection struct {
	Reason string // snake_case, of the stage's closed list
}

// Error returns the reason only: a rejection never quotes its record.
func (r Rejection) Error() string { return "rejected: " + r.Reason }

// Reject returns a Rejection for a reason.
func Reject(reason string) error { return Rejection{Reason: reason} }

// AsRejection tells the record's fault from the world's.
func AsRejection(err error) (Rejection, bool) {
	var r Rejection
	ok := errors.As(err, &r)
	return r, ok
}
