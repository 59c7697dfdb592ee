package lifecycle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

// fate is what Meta makes of a send.
type fate int

const (
	accept     fate = iota
	slow            // accepted after seconds
	lost            // accepted, and the answer is lost
	calledBack      // accepted, the answer is lost, and a callback tells
	dropped         // not accepted, and no answer
	refused         // for good
	later           // refused for now
	fates
)

// call is one send that reached Meta.
type call struct {
	schemas.CallbackData
	at       time.Time
	accepted bool
	refused  bool // as undeliverable, from which deliver learns to send no more
}

// api stands in for Meta's.
type api struct {
	w      *world
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}
}

// line is a connection of one life of a process.
type line struct {
	net.Conn
	of *life
}

type ofLife struct{}

func newAPI(w *world) *api {
	a := &api{w: w, conns: make(chan net.Conn), closed: make(chan struct{})}
	a.server = &http.Server{
		Handler: http.HandlerFunc(a.send),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, ofLife{}, c.(line).of)
		},
	}
	go func() { _ = a.server.Serve(a) }()
	return a
}

func (a *api) dial(ctx context.Context, l *life) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case a.conns <- line{there, l}:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr make a listener of a.
func (a *api) Accept() (net.Conn, error) {
	select {
	case c := <-a.conns:
		return c, nil
	case <-a.closed:
		return nil, net.ErrClosed
	}
}
func (a *api) Close() error   { close(a.closed); return nil }
func (a *api) Addr() net.Addr { return &net.TCPAddr{} }

func (a *api) send(rw http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var body struct {
		Data string `json:"biz_opaque_callback_data"`
	}
	_ = json.Unmarshal(raw, &body)
	data, ok := schemas.ParseCallbackData(body.Data)
	if !ok {
		a.w.fault("wiring", "a send without callback data")
	}
	f := a.w.fate(data)
	c := call{data, time.Now(), f <= calledBack, f == refused}
	l := r.Context().Value(ofLife{}).(*life)
	if l.Crash.Do(func(func(int) int) error { a.w.called(c); return nil }) != nil {
		panic(http.ErrAbortHandler) // the process died before or after its call
	}
	switch f {
	case slow:
		time.Sleep(5 * time.Second)
	case lost, dropped:
		panic(http.ErrAbortHandler)
	case calledBack:
		time.AfterFunc(3*time.Second, func() { a.w.callback(c) })
		panic(http.ErrAbortHandler)
	case refused, later:
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(rw, `{"error":{"message":"%s","code":%d,"fbtrace_id":"x"}}`, canary, map[fate]int{refused: 131026, later: 131000}[f])
		return
	}
	_, _ = fmt.Fprintf(rw, `{"contacts":[{"wa_id":"%s"}],"messages":[{"id":"wamid.%s"}]}`, phone(0)[1:], data.MessageID)
}

// callback is what listen would append.
func (w *world) callback(c call) {
	ref, err := w.refs.Ref(context.Background(), c.TenantID, seal.RefProvider, "wamid."+c.MessageID)
	if err != nil {
		w.fault("wiring", "provider ref: %v", err)
		return
	}
	status := schemas.Status{
		Identity: c.Identity, Attempt: c.Attempt, Status: "delivered", At: time.Now().Truncate(time.Second),
		SenderID: "sender-of-" + c.TenantID, ProviderRef: ref, Category: c.Category, Country: c.Country, ContentType: c.ContentType, Window: c.Window,
	}
	put(w, wire.StatusT, c.TenantID, schemas.Statuses, status)
}

// put appends one record as a process outside the model would.
func put[T any](w *world, topic, key string, codec *schemas.Codec[T], v T) pipeline.Appended {
	value, err := codec.Encode(&v)
	if err != nil {
		w.fault("wiring", "encode for %s: %v", topic, err)
	}
	return w.append(topic, key, value)
}
