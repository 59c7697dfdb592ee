package simulator

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// callbacks brings statuses to the callback URLs.
type callbacks struct {
	config  Callbacks
	secret  string
	verify  string
	targets []*target
	queue   *queue
	client  *http.Client

	turn         atomic.Uint64
	sent, failed atomic.Int64

	unanswered                 sync.Map // wamids whose send was accepted and has no answer yet
	doubled, reordered, before atomic.Int64
}

// target is one callback URL. It gets callbacks once it has passed the verification handshake.
type target struct {
	url      string
	verified atomic.Bool
}

const (
	mostStatuses    = 1000 // in one POST, Meta's figure
	callers         = 4    // POSTs under way at most
	callbackTimeout = 10 * time.Second
	firstRepeat     = 100 * time.Millisecond // Meta repeats at once, then ever less often for days
	lastRepeat      = 5 * time.Second
)

func newCallbacks(c *Config) *callbacks {
	b := &callbacks{
		config: c.Callbacks, secret: c.AppSecret, verify: c.VerifyToken,
		queue:  newQueue(cmp.Or(c.Callbacks.Backlog, 1_000_000)),
		client: &http.Client{Timeout: callbackTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: callers}},
	}
	b.config.Batch = min(cmp.Or(c.Callbacks.Batch, mostStatuses), mostStatuses)
	for _, u := range c.CallbackURLs {
		b.targets = append(b.targets, &target{url: u})
	}
	return b
}

// schedule plans the statuses of an accepted send.
func (c *callbacks) schedule(now time.Time, a *acceptance, d dice, fate Fate, code int, waba string) {
	if len(c.targets) == 0 {
		return
	}
	r := a.request
	var planned []update
	due := now
	for _, status := range statuses[fate] {
		due = due.Add(c.config.Delay + time.Duration(d.roll("delay "+status)*float64(c.config.Jitter)))
		planned = append(planned, update{
			due: due, at: due, status: status, waba: waba, sender: r.sender, wamid: a.wamid, waID: a.waID, userID: r.userID,
			callbackData: r.callbackData, category: cmp.Or(r.identity.category, "utility"), code: code,
		})
	}
	if d.roll("reordered") < c.config.Reordered {
		for i, j := 0, len(planned)-1; i < j; i, j = i+1, j-1 {
			planned[i].due, planned[j].due = planned[j].due, planned[i].due
		}
		slices.Reverse(planned)
		for i := range planned {
			planned[i].reordered = len(planned) > 1
		}
	}
	for _, u := range planned {
		if d.roll("twice "+u.status) < c.config.Duplicates {
			u.due = u.due.Add(time.Duration(d.roll("late "+u.status) * float64(c.config.Delay+c.config.Jitter)))
			u.double = true
			planned = append(planned, u)
		}
	}
	c.queue.push(planned...)
}

// Run brings callbacks until ctx ends. What did not arrive by then waits for the next Run.
func (s *Simulator) Run(ctx context.Context) error {
	c := s.callbacks
	if len(c.targets) == 0 {
		<-ctx.Done()
		return nil
	}
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for {
				batch := c.queue.take(ctx, c.config.Batch)
				if batch == nil {
					return
				}
				c.bring(ctx, batch)
			}
		})
	}
	running.Wait()
	c.client.CloseIdleConnections()
	return nil
}

// bring posts a batch until one of the URLs answers 200 or ctx ends.
func (c *callbacks) bring(ctx context.Context, batch []update) {
	slices.SortStableFunc(batch, func(a, b update) int {
		return cmp.Or(cmp.Compare(a.waba, b.waba), cmp.Compare(a.sender, b.sender))
	})
	body := envelope(batch)
	pause := firstRepeat
	for try := 1; ; try++ {
		t := c.targets[c.turn.Add(1)%uint64(len(c.targets))]
		if c.post(ctx, t, body) {
			c.tally(batch)
			c.queue.done(len(batch))
			return
		}
		if try%len(c.targets) == 0 { // all of them failed
			pauseFor(ctx, pause)
			pause = min(2*pause, lastRepeat)
		}
		if ctx.Err() != nil {
			c.queue.giveBack(batch)
			return
		}
		c.failed.Add(1)
	}
}

// tally counts statuses that arrived.
func (c *callbacks) tally(batch []update) {
	c.sent.Add(int64(len(batch)))
	for i := range batch {
		if batch[i].double {
			c.doubled.Add(1)
		}
		if batch[i].reordered {
			c.reordered.Add(1)
		}
		if _, early := c.unanswered.Load(batch[i].wamid); early {
			c.before.Add(1)
		}
	}
}

// post reports whether the URL took the body: 200 exactly counts.
func (c *callbacks) post(ctx context.Context, t *target, body []byte) bool {
	if !t.verified.Load() && c.verify != "" && !c.handshake(ctx, t) {
		return false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "facebookexternalua")
	r.Header.Set("X-Hub-Signature-256", signature(c.secret, body))
	response, err := c.client.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return response.StatusCode == http.StatusOK
}

// handshake asks the URL for its verification, as Meta does when it is entered.
func (c *callbacks) handshake(ctx context.Context, t *target) bool {
	challenge := fmt.Sprint(mix(uint64(time.Now().UnixNano())))
	query := url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {challenge}, "hub.verify_token": {c.verify}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"?"+query.Encode(), nil)
	if err != nil {
		return false
	}
	response, err := c.client.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil || response.StatusCode != http.StatusOK || string(answer) != challenge {
		return false
	}
	t.verified.Store(true)
	return true
}

func (c *callbacks) count(to *Counts) {
	pending, dropped := c.queue.count()
	to.CallbacksSent, to.CallbacksPending = int(c.sent.Load()), pending
	to.CallbacksFailed, to.CallbacksDropped = int(c.failed.Load()), dropped
	to.CallbacksDoubled, to.CallbacksReordered, to.CallbacksEarly = int(c.doubled.Load()), int(c.reordered.Load()), int(c.before.Load())
}

func pauseFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
