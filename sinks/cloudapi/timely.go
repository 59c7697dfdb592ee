package cloudapi

import (
	"bytes"
	"errors"
	"sync/atomic"
	"time"
)

var errLate = errors.New("the time in which the request may be begun is over")

// timely is a request's body that begins until a moment or not at all. It is asked for its first byte when the connection is
// there and the request goes out: a process that was stopped while it dialled learns there that its claim is over.
type timely struct {
	body  *bytes.Reader
	until time.Time
	begun bool
	late  atomic.Bool
}

// Read fails at the first byte once the moment has passed.
func (t *timely) Read(p []byte) (int, error) {
	if !t.begun && !time.Now().Before(t.until) {
		t.late.Store(true)
		return 0, errLate
	}
	t.begun = true
	return t.body.Read(p)
}
