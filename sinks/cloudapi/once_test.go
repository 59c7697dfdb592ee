package cloudapi

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// posts counts the POSTs that reached a server, by body.
type posts struct {
	mu   sync.Mutex
	seen map[string]int
}

func (p *posts) add(body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	p.seen[body]++
}

// most is how often the body seen most often was seen.
func (p *posts) most() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, seen := range p.seen {
		n = max(n, seen)
	}
	return n
}

func TestNeverTwoPostsForOneSend(t *testing.T) {
	// Goal: net/http does not repeat a POST behind our back when a kept connection dies. Method: a server that answers, keeps
	// the connection, and kills it around the next request in every way there is; it counts requests by body. That it can
	// count two is shown by a client that lets net/http repeat.
	var p posts
	var connections atomic.Int64
	address := serve(t, func(c net.Conn) {
		defer func() { _ = c.Close() }()
		kill := connections.Add(1)
		reader := bufio.NewReader(c)
		for i := 0; ; i++ {
			if i == 1 && kill%3 == 0 {
				_ = c.(*net.TCPConn).SetLinger(0)
				return // dies idle, maybe before the client knows
			}
			r, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			p.add(string(body))
			if i == 1 {
				if kill%3 == 1 {
					_ = c.(*net.TCPConn).SetLinger(0) // a reset in place of an end
				}
				return // taken, and no answer
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(accepted), accepted)
		}
	})
	client := newClient(t, Config{BaseURL: "http://" + address, Connections: 1})
	phases := map[Phase]int{}
	for i := range 300 {
		m := message()
		m.Body = fmt.Appendf(nil, `{"n":%d}`, i)
		phases[client.Send(t.Context(), m).Phase]++
	}
	if n := p.most(); n != 1 {
		t.Errorf("one send was posted %d times", n)
	}
	if phases[Answered] < 100 || phases[Ambiguous] < 50 {
		t.Errorf("phases %v: the kills did not happen", phases)
	}
	client.Close()

	naive := &http.Client{Transport: &http.Transport{}}
	defer naive.CloseIdleConnections()
	for i := range 30 {
		r, _ := http.NewRequest(http.MethodPost, "http://"+address, bytes.NewReader(fmt.Appendf(nil, "naive %d", i)))
		r.Header.Set("Idempotency-Key", "naive")
		if response, err := naive.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
	if p.most() < 2 {
		t.Error("a client that repeats was not noticed")
	}
}

func TestNeverTwoPostsOverHTTP2(t *testing.T) {
	// Goal: neither a refused stream nor a GOAWAY nor a dead connection makes the transport post again. Method: a server made
	// of frames that answers the first stream and spoils the later ones; it counts header frames by message.
	certificate := httptest.NewTLSServer(nil)
	defer certificate.Close()
	for name, spoil := range map[string]func(f *http2.Framer, stream uint32) (open bool){
		"stream refused": func(f *http2.Framer, stream uint32) bool {
			return f.WriteRSTStream(stream, http2.ErrCodeRefusedStream) == nil
		},
		"going away before it": func(f *http2.Framer, stream uint32) bool {
			_ = f.WriteGoAway(stream-2, http2.ErrCodeNo, nil)
			return false
		},
		"going away after it": func(f *http2.Framer, stream uint32) bool {
			_ = f.WriteGoAway(stream, http2.ErrCodeEnhanceYourCalm, nil)
			return false
		},
		"connection closed": func(*http2.Framer, uint32) bool { return false },
	} {
		t.Run(name, func(t *testing.T) {
			var p posts
			address := serve(t, func(c net.Conn) {
				secure := tls.Server(c, &tls.Config{Certificates: certificate.TLS.Certificates, NextProtos: []string{"h2"}})
				defer func() { _ = secure.Close() }()
				serveFrames(secure, &p, spoil)
			})
			roots := certificate.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			client := newClient(t, Config{BaseURL: "https://" + address, Connections: 2, TLS: &tls.Config{RootCAs: roots}})
			phases := map[Phase]int{}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // a transport that repeats would go on for long
			defer cancel()
			for i := range 20 {
				m := message()
				m.SenderID = fmt.Sprint(i)
				phases[client.Send(ctx, m).Phase]++
			}
			if n := p.most(); n != 1 {
				t.Errorf("one send was posted %d times", n)
			}
			if phases[Answered] == 0 || phases[Ambiguous] == 0 {
				t.Errorf("phases %v: nothing was answered or nothing spoiled", phases)
			}
			client.Close()
		})
	}
}

// serveFrames answers stream 1 and spoils the others.
func serveFrames(c net.Conn, p *posts, spoil func(*http2.Framer, uint32) bool) {
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if f.WriteSettings() != nil {
		return
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			p.add(frame.PseudoValue("path"))
			if frame.StreamID > 1 {
				if !spoil(f, frame.StreamID) {
					return
				}
				continue
			}
			var block bytes.Buffer
			_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
			_ = f.WriteData(1, true, []byte(accepted))
		}
	}
}
