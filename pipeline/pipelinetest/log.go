package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// Log is a pipeline.Log in memory: topics of partitions, and commits that outlive their owners. Safe for concurrent use.
type Log struct {
	// Crash counts each Append and Commit as an effect; nil for none. Set it anew for each life of the process under
	// test, while nothing runs.
	Crash *Crasher
	// FetchRecords is the most that one Fetch returns; NewLog sets 500.
	FetchRecords int

	now func() time.Time

	mu      sync.Mutex
	topics  map[string][]*partition
	commits map[owned]int64
	owners  map[owned]int // generation of the present owner
}

type owned struct {
	group, topic string
	partition    int
}

type partition struct {
	records []pipeline.Record // from first on, by offset, without gaps
	first   int64
	changed chan struct{} // closed and replaced by each append
	kept    *kept         // nil: nothing goes by age
}

func (p *partition) next() int64 { return p.first + int64(len(p.records)) }

// NewLog returns an empty log that stamps appends by now; nil: time.Now.
func NewLog(now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{
		FetchRecords: 500,
		now:          now,
		topics:       make(map[string][]*partition),
		commits:      make(map[owned]int64),
		owners:       make(map[owned]int),
	}
}

// Create makes a topic, or adds to it the partitions that it lacks.
func (l *Log) Create(topic string, partitions int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.topics[topic]) < partitions {
		l.topics[topic] = append(l.topics[topic], &partition{changed: make(chan struct{})})
	}
}

// Append appends all outputs, or none when a topic or partition does not exist; at a Half crash, the first half.
func (l *Log) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var appended []pipeline.Appended
	err := l.Crash.Do(func(share func(n int) int) error {
		var err error
		appended, err = l.append(outputs, share(len(outputs)))
		return err
	})
	return appended, err
}

func (l *Log) append(outputs []pipeline.Output, count int) ([]pipeline.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	numbers := make([]int, len(outputs))
	for i, o := range outputs {
		partitions := len(l.topics[o.Topic])
		numbers[i] = o.Partition
		if o.Partition == pipeline.AnyPartition && partitions > 0 {
			h := fnv.New32a()
			h.Write(o.Key)
			numbers[i] = int(h.Sum32() % uint32(partitions))
		}
		if numbers[i] < 0 || numbers[i] >= partitions {
			return nil, fmt.Errorf("no partition %d of topic %s", o.Partition, o.Topic)
		}
	}
	at := l.now().Truncate(time.Millisecond)
	appended := make([]pipeline.Appended, 0, count)
	for i, o := range outputs[:count] {
		p := l.topics[o.Topic][numbers[i]]
		position := pipeline.Position{Topic: o.Topic, Partition: numbers[i], Offset: p.next()}
		r := pipeline.Record{
			Position:   position,
			Key:        slices.Clone(o.Key),
			Value:      slices.Clone(o.Value),
			Headers:    slices.Clone(o.Headers),
			AppendedAt: at,
		}
		p.records = append(p.records, r)
		if p.kept != nil {
			p.kept.add(r)
		}
		close(p.changed)
		p.changed = make(chan struct{})
		appended = append(appended, pipeline.Appended{Position: position, At: at})
	}
	return appended, nil
}

// Trim removes the records of a partition before an offset, as DeleteRecords does.
func (l *Log) Trim(topic string, number int, before int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topics[topic][number].trim(before)
}

func (p *partition) trim(before int64) {
	before = min(max(before, p.first), p.next())
	p.records = p.records[before-p.first:]
	p.first = before
}

// Records returns what stands in a topic, partition by partition, without markers.
func (l *Log) Records(topic string) []pipeline.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []pipeline.Record
	for _, p := range l.topics[topic] {
		for _, r := range p.records {
			if !isMarker(r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// Committed returns the commit of a group, 0 when there is none.
func (l *Log) Committed(group, topic string, partition int) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.commits[owned{group, topic, partition}]
}

// Reset forgets the commits of a group, as an operator who sets it to the log's beginning.
func (l *Log) Reset(group string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for o := range l.commits {
		if o.group == group {
			delete(l.commits, o)
		}
	}
}

// ErrFenced is what Commit returns to a former owner.
var ErrFenced = errors.New("fenced: the partition has a later owner")

func (l *Log) commit(o owned, generation int, next int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owners[o] != generation {
		return pipeline.Permanent(ErrFenced)
	}
	l.commits[o] = max(l.commits[o], next)
	return nil
}

func isMarker(r pipeline.Record) bool {
	return len(r.Value) == 0 && slices.ContainsFunc(r.Headers, func(h pipeline.Header) bool { return h.Key == pipeline.MarkerHeader })
}
