package wire

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/whatsapplink/cloud/stages/listen"
)

const (
	signatureHeader = "X-Hub-Signature-256"
	signatureLength = len("sha256=") + 64
	// maxBodies bounds the bytes of all bodies in memory. A slow caller holds only what it has sent.
	maxBodies = 64 * listen.MaxBody
	// A body has bodyGrace, and a second for each bodyRate bytes it announces: the largest has five seconds.
	bodyGrace = 2 * time.Second
	bodyRate  = 1 << 20
)

// refusal is the answer to a call that is not taken; the zero value takes it.
type refusal struct {
	status int
	reason string
}

var (
	busy         = refusal{http.StatusServiceUnavailable, "busy"}
	badSignature = refusal{http.StatusUnauthorized, "bad_signature"}
	oversize     = refusal{http.StatusRequestEntityTooLarge, "oversize"}
)

// take reads a body within its time and the memory that is left; held bytes are to be released whatever it returns. What the
// head alone gives away is refused before a byte of the body is read.
func (l *listener) take(w http.ResponseWriter, r *http.Request) (body []byte, held int64, _ refusal) {
	length := r.ContentLength
	if length < 0 { // not announced
		length = listen.MaxBody
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyGrace + time.Duration(length)*time.Second/bodyRate))
	switch {
	case !maybeJSON(r.Header.Get("Content-Type")):
		return nil, 0, refusal{http.StatusUnsupportedMediaType, "wrong_type"}
	case len(r.Header.Get(signatureHeader)) != signatureLength:
		return nil, 0, badSignature
	case length > listen.MaxBody:
		return nil, 0, oversize
	}
	counted := &counted{Reader: http.MaxBytesReader(w, r.Body, listen.MaxBody), memory: l.memory}
	body, err := io.ReadAll(counted)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return body, counted.held, refusal{}
	case errors.Is(err, errMemory):
		return nil, counted.held, busy
	case errors.As(err, &tooLarge):
		return nil, counted.held, oversize
	}
	return nil, counted.held, refusal{http.StatusRequestTimeout, "cut_short"}
}

// maybeJSON says whether a Content-Type is JSON's, or missing, which the signature makes good.
func maybeJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || err == nil && kind == "application/json"
}

var errMemory = errors.New("too many bodies are in memory")

// counted takes memory for what it reads, as it is read.
type counted struct {
	io.Reader
	memory *semaphore.Weighted
	held   int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if !c.memory.TryAcquire(int64(n)) {
		return 0, errMemory
	}
	c.held += int64(n)
	return n, err
}
