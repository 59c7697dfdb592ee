package pipeline

import (
	"context"
	"time"
)

const (
	readAhead   = 1000                   // default of Lane.ReadAhead
	arrivalSize = 256                    // records stepped in one go: bounds how long a result waits for its turn
	markersPoll = 250 * time.Millisecond // when a replay first looks whether only markers are left
)

type partition struct {
	topic  string
	number int
}

func partitionOf(s Source) partition { return partition{s.Topic(), s.Partition()} }

// arrival is some records of one feed on their way to the reducer.
type arrival struct {
	feed    *feed
	records []Record
}

// reached says that a replay has been brought up to position, which is at or past the end noted at the start.
type reached struct {
	feed     *feed
	position int64
}

// feed brings one source's records to the loop. tracker and committed belong to the loop's goroutine.
type feed struct {
	lane      Lane
	replay    bool
	slots     chan struct{} // one taken for each arrived and unfinished record; nil for replays
	tracker   tracker
	committed int64
}

func newFeed(l Lane, replay bool) *feed {
	f := &feed{lane: l, replay: replay, committed: l.Source.Committed()}
	f.tracker.next = l.Source.Position()
	if !replay {
		if l.ReadAhead == 0 {
			l.ReadAhead = readAhead
		}
		f.slots = make(chan struct{}, l.ReadAhead)
	}
	return f
}

// feedReplay brings everything up to the end noted at the start, reports that, and goes on following.
func (f *feed) feedReplay(ctx context.Context, b Backoff, to chan<- arrival, caught chan<- reached) error {
	src := f.lane.Source
	var end int64
	err := Retry(ctx, b, "ask for the end of "+src.Topic(), func(ctx context.Context) (err error) {
		_, end, err = src.Bounds(ctx)
		return err
	})
	for wait := markersPoll; err == nil && src.Position() < end; {
		var records []Record
		if records, err = fetchWithin(ctx, b, src, wait); err == nil {
			err = f.send(ctx, to, records)
		}
		if len(records) == 0 {
			wait *= 2 // a busy broker must get the time to answer in the end
		}
	}
	if err != nil {
		return err
	}
	select {
	case caught <- reached{f, src.Position()}:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		records, err := fetch(ctx, b, src)
		if err != nil {
			return err
		}
		if err := f.send(ctx, to, records); err != nil {
			return err
		}
	}
}

// fetchWithin is fetch, except that it returns nothing after a while: there may be only markers left, which Fetch skips
// and Position passes.
func fetchWithin(ctx context.Context, b Backoff, src Source, wait time.Duration) (records []Record, err error) {
	err = Retry(ctx, b, "fetch "+src.Topic(), func(ctx context.Context) (err error) {
		short, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		records, err = src.Fetch(short)
		if short.Err() != nil && ctx.Err() == nil && err != nil {
			return nil
		}
		return err
	})
	return records, err
}

// feedLane brings records as they fall due and find a slot, until asked ends; the faults of the source end work.
func (f *feed) feedLane(asked, work context.Context, b Backoff, now func() time.Time, to chan<- arrival) error {
	ctx, cancel := context.WithCancel(asked)
	defer cancel()
	defer context.AfterFunc(work, cancel)()
	for {
		records, err := fetch(ctx, b, f.lane.Source)
		for err == nil && len(records) > 0 {
			n := 0
			if n, err = f.admit(ctx, now, records); err == nil {
				err = f.send(ctx, to, records[:n])
				records = records[n:]
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// admit waits until the head is due and has a slot, and returns how many records may go with it.
func (f *feed) admit(ctx context.Context, now func() time.Time, records []Record) (int, error) {
	due := min(len(records), arrivalSize)
	if f.lane.Due != nil {
		if !sleep(ctx, f.lane.Due(records[0]).Sub(now())) {
			return 0, ctx.Err()
		}
		for i := 1; i < due; i++ {
			if f.lane.Due(records[i]).After(now()) {
				due = i
			}
		}
	}
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for n := 1; n < due; n++ {
		select {
		case f.slots <- struct{}{}:
		default:
			return n, nil
		}
	}
	return due, nil
}

func (f *feed) send(ctx context.Context, to chan<- arrival, records []Record) error {
	for len(records) > 0 {
		n := min(len(records), arrivalSize)
		select {
		case to <- arrival{f, records[:n]}:
			records = records[n:]
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
