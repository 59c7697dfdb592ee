package wire

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

// eraser follows the seeds that receipts wait for until their bytes have left every disk, and sharpens the edge at which a
// key topic's seeds stop being readable. One goroutine looks; lanes come and go with their owners.
type eraser struct {
	*redactor
	late  *late
	disks map[string]*kafka.Disk // of key topics, for as long as the process runs: what was trimmed is known by them only
	gone  map[seedName]time.Time // since when, of the seeds that receipts still wait for

	mu    sync.Mutex
	lanes map[*lane]struct{}
}

// looksPerBucket is how often a bucket of the shortest window, at most maxLook, is looked at what is due.
const (
	looksPerBucket = 10
	maxLook        = 30 * time.Second
)

// of has a lane looked after until done is called.
func (e *eraser) of(l *lane) (done func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lanes[l] = struct{}{}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.lanes, l)
	}
}

func (e *eraser) owned() (all []*lane) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.lanes {
		all = append(all, l)
	}
	return all
}

// run looks until ctx ends, or a receipt cannot be appended.
func (e *eraser) run(ctx context.Context, shortest time.Duration) error {
	bucket := seal.Bucket(shortest, MinBucket(shortest))
	e.late.grace = bucket
	tick := time.NewTicker(min(bucket/looksPerBucket, maxLook))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := e.look(ctx, e.owned(), time.Now()); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// look does once all there is to do at a time.
func (e *eraser) look(ctx context.Context, lanes []*lane, now time.Time) error {
	defer e.late.tell(now)
	e.copies(lanes)
	e.trim(ctx, lanes, now)
	e.follow(ctx, lanes, now)
	for _, l := range lanes {
		erased, err := l.tell(l.ctx, func(g *redact.Ledger) []schemas.Receipt {
			return g.Erase(func(s *schemas.SeedRef) time.Time { return e.goneBefore(s, now) }, l.bucket, now)
		})
		if err != nil && l.ctx.Err() == nil {
			return err
		}
		for i := range erased {
			e.lateness.WithLabelValues("physical").Observe(max(0, erased[i].ObservedAt.Sub(lastDue(erased[i].Seeds))).Seconds())
		}
	}
	return nil
}

// copies notes the lanes whose head is late by more than a bucket.
func (e *eraser) copies(lanes []*lane) {
	for _, l := range lanes {
		if l.unredacted() > l.window+l.bucket+2*trimEvery {
			e.late.note(lateCopies)
		}
	}
}

// trim cuts the seeds of key topics whose time is over: by the broker's retention they could be read until its next check.
// The owner of a lane's first partition does it. The times are the broker's own, else nothing is cut.
func (e *eraser) trim(ctx context.Context, lanes []*lane, now time.Time) {
	for _, l := range lanes {
		if l.partition != 0 {
			continue
		}
		topic := seal.KeyTopic(seal.WindowName(l.window))
		if err := e.cut(ctx, topic, now.Add(-seal.KeyRetention(l.window, MinBucket(l.window)))); err != nil {
			e.late.note(untrimmed)
		}
	}
}

func (e *eraser) cut(ctx context.Context, topic string, appendedBefore time.Time) error {
	if err := e.settings(ctx, topic); err != nil {
		return err
	}
	cluster := e.process.Cluster
	first, _, err := cluster.Bounds(ctx, topic, 0)
	if err != nil {
		return err
	}
	before, err := cluster.OffsetAt(ctx, topic, 0, appendedBefore)
	if err != nil || before <= first {
		return err
	}
	_, err = cluster.Trim(ctx, topic, 0, before)
	return err
}

var errSettings = errors.New("settings of the key topic")

// settings returns an error unless times in a key topic are the broker's, and what it removes leaves the disk at once. It
// asks the broker each time: settings can be changed by hand.
func (e *eraser) settings(ctx context.Context, topic string) error {
	configs, err := e.process.Cluster.Configs(ctx, topic)
	if err == nil && (configs["message.timestamp.type"] != "LogAppendTime" || configs["file.delete.delay.ms"] != "0") {
		err = errSettings
	}
	return err
}

// seedName tells seeds apart.
type seedName struct{ topic, id string }

func seedOf(s *schemas.SeedRef) seedName { return seedName{s.Topic, string(s.SeedID)} }

// follow brings gone up to date. Only seeds whose time is over are asked for, and they are gathered before anybody looks:
// one that is appended later is not yet there to be seen.
func (e *eraser) follow(ctx context.Context, lanes []*lane, now time.Time) {
	gone := map[seedName]time.Time{}
	for topic, seeds := range awaited(lanes, now) {
		there, err := e.onDisk(ctx, topic)
		if err != nil && !errors.Is(err, kafka.ErrOlder) {
			e.late.note(unseen)
		}
		slack := e.slack(ctx, topic)
		for s, due := range seeds {
			switch since := e.gone[s]; {
			case !since.IsZero():
				gone[s] = since
			case err == nil && !there[s.id]:
				gone[s] = now
			case now.Sub(due) > slack:
				e.late.note(lateBytes)
			}
		}
	}
	e.gone = gone
}

// goneBefore is since when a seed is gone, zero if it was not at the look before: between forgetting a file and removing it
// the broker takes a moment.
func (e *eraser) goneBefore(s *schemas.SeedRef, now time.Time) time.Time {
	since := e.gone[seedOf(s)]
	if !since.Before(now) {
		return time.Time{}
	}
	return since
}

// awaited returns the seeds that receipts wait for and whose time is over, with when it was, by topic.
func awaited(lanes []*lane, now time.Time) map[string]map[seedName]time.Time {
	byTopic := map[string]map[seedName]time.Time{}
	for _, l := range lanes {
		l.mu.Lock()
		for _, r := range l.ledger.Waiting() {
			for i := range r.Seeds {
				s := &r.Seeds[i]
				due := seedDue(s)
				if now.Before(due) {
					continue
				}
				if byTopic[s.Topic] == nil {
					byTopic[s.Topic] = map[seedName]time.Time{}
				}
				byTopic[s.Topic][seedOf(s)] = due
			}
		}
		l.mu.Unlock()
	}
	return byTopic
}

// seedDue is when nobody is to read a seed any more.
func seedDue(s *schemas.SeedRef) time.Time {
	window := windowOfKeys(s.Topic)
	return s.AppendedAt.Add(seal.KeyRetention(window, MinBucket(window)))
}

func lastDue(seeds []schemas.SeedRef) (last time.Time) {
	for i := range seeds {
		if due := seedDue(&seeds[i]); due.After(last) {
			last = due
		}
	}
	return last
}

// windowOfKeys is the window of a key topic of any generation, 0 when it is none.
func windowOfKeys(topic string) time.Duration {
	name, _, _ := strings.Cut(strings.TrimPrefix(topic, seal.KeyTopic("")), ".")
	window, _ := seal.ParseWindow(name)
	return window
}

// onDisk returns the ids of the seeds of a key topic that may lie on a disk of any replica.
func (e *eraser) onDisk(ctx context.Context, topic string) (map[string]bool, error) {
	if err := e.settings(ctx, topic); err != nil {
		return nil, err
	}
	if e.disks[topic] == nil {
		e.disks[topic] = e.process.Cluster.Disk(topic, 0)
	}
	records, err := e.disks[topic].Look(ctx)
	there := map[string]bool{}
	for i := range records {
		there[string(records[i].Key)] = true
	}
	return there, err
}

// kafkasCheck is log.retention.check.interval.ms of a broker that does not tell.
const kafkasCheck = 5 * time.Minute

// slack is how long after its time a seed may lie on a disk: the broker removes whole segments, so as long as the newest
// seed of the segment is newer, and then until its next check.
func (e *eraser) slack(ctx context.Context, topic string) time.Duration {
	window := windowOfKeys(topic)
	bucket := seal.Bucket(window, MinBucket(window))
	brokers, err := e.process.Cluster.BrokerConfigs(ctx)
	if err != nil {
		return bucket + kafkasCheck
	}
	check := time.Duration(0)
	for _, configs := range brokers {
		own := kafkasCheck
		if ms, err := strconv.ParseInt(configs["log.retention.check.interval.ms"], 10, 64); err == nil {
			own = time.Duration(ms) * time.Millisecond
		}
		check = max(check, own)
	}
	return bucket + check
}
