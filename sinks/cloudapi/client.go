package cloudapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"
)

// Limits of one call. Total bounds everything from dialling to the last byte of the answer; deliver counts a claim's
// life and an in-doubt message's second send by it.
const (
	Total          = 15 * time.Second
	dialTimeout    = 5 * time.Second
	tlsTimeout     = 5 * time.Second
	headerTimeout  = 12 * time.Second
	maxAnswerBytes = 64 << 10
	// A connection that died without a word would let every send over it time out, each in doubt. HTTP/2 asks it.
	pingAfter = 5 * time.Second
	pingWait  = 3 * time.Second
)

// versions are the forms of a pinned version. Without one Meta takes the newest, which changes under us.
var versions = regexp.MustCompile(`^v[1-9][0-9]*\.[0-9]+$`)

// Config says where Meta is.
type Config struct {
	BaseURL     string // https://graph.facebook.com; http on loopback only
	Version     string // v26.0; always pinned
	Connections int    // at most, to the host; bounds the calls in flight over HTTP/1
	TLS         *tls.Config
}

// Client is one tuned HTTP client. Safe for concurrent use.
type Client struct {
	base    *url.URL
	version string
	http    *http.Client
}

// New builds a client and connects to nothing. It refuses a base URL that is not https, except on loopback, and a
// version that is not pinned.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || base.User != nil {
		return nil, fmt.Errorf("the cloud api's base url is not a url with a host")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) {
		return nil, fmt.Errorf("the cloud api's base url is not https; plain http is allowed on loopback only")
	}
	if !versions.MatchString(c.Version) {
		return nil, fmt.Errorf("the cloud api's version is not of the form v26.0")
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		Proxy:                  nil, // egress only to the configured host
		DialContext:            only(base, dialer),
		TLSClientConfig:        c.TLS,
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           c.Connections,
		MaxIdleConnsPerHost:    c.Connections,
		MaxConnsPerHost:        c.Connections,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 32 << 10,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWait},
	}
	return &Client{base: base, version: c.Version, http: &http.Client{
		Transport: transport,
		// A redirect would carry the token and the content to a host nobody registered.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// only dials the host of base and nothing else.
func only(base *url.URL, d *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	allowed := net.JoinHostPort(base.Hostname(), port)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != allowed {
			return nil, fmt.Errorf("a host that is not registered")
		}
		return d.DialContext(ctx, network, address)
	}
}

// Send makes one POST and returns what became of it. It blocks until the answer is read, Total has passed or ctx ends.
func (c *Client) Send(ctx context.Context, m Message) Answer {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, Total)
	defer cancel()
	var started atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// From here on bytes of the request may have left us. Later hooks say more, but a write may follow an error.
		GotConn: func(httptrace.GotConnInfo) { started.Store(true) },
	})
	body := &timely{body: bytes.NewReader(m.Body), until: m.Until}
	response, err := c.post(ctx, m, body)
	if err != nil {
		a := Answer{Phase: NotSent, Latency: time.Since(start)}
		if started.Load() && !body.late.Load() { // a late one's head may have left, which is no request
			a.Phase = Ambiguous
		}
		return a
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusSwitchingProtocols { // no answer, and its body is the connection, which no time-out ends
		return Answer{Phase: Ambiguous, Latency: time.Since(start)}
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes)) // a longer one is cut, so it does not parse
	if err != nil {                                                          // the status line came, the answer did not: it may still have been accepted
		return Answer{Phase: Ambiguous, Latency: time.Since(start)}
	}
	a := Answer{Phase: Answered, HTTPStatus: response.StatusCode, Latency: time.Since(start), RetryAfter: retryAfter(response.Header)}
	parse(answer, &a)
	return a
}

// post gives the body no GetBody, so that net/http cannot repeat the POST behind our back: it would on a fresh
// connection when a kept one dies before the first byte or HTTP/2 refuses the stream, and then a claim would cover two
// requests.
func (c *Client) post(ctx context.Context, m Message, body io.Reader) (*http.Response, error) {
	target := c.base.JoinPath(c.version, m.SenderID, "messages")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), body)
	if err != nil {
		return nil, err
	}
	request.ContentLength = int64(len(m.Body))
	request.Header.Set("Authorization", "Bearer "+string(m.Token))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "whatsapplink-cloud")
	return c.http.Do(request)
}

// retryAfter reads the header as seconds or as an HTTP date, bounded to an hour.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	d := time.Duration(0)
	if seconds, err := strconv.Atoi(v); err == nil || errors.Is(err, strconv.ErrRange) { // out of range it is the nearest in it
		d = time.Duration(min(max(seconds, 0), 3600)) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = time.Until(at)
	}
	return min(max(d, 0), time.Hour)
}
