package pipelinetest

import (
	"context"
	"sync/atomic"

	"github.com/whatsapplink/cloud/pipeline"
)

// Source is a partition of a Log as one owner sees it.
type Source struct {
	log        *Log
	owned      owned
	generation int // 0: no group, commits do nothing
	started    int64
	position   atomic.Int64
}

// Source makes the caller the owner of a partition in a group: it starts at the group's commit, and a former owner's
// commits are refused from now on.
func (l *Log) Source(topic string, number int, group string) *Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := owned{group, topic, number}
	l.owners[o]++
	start, ok := l.commits[o]
	if !ok {
		start = l.topics[topic][number].first
	}
	return newSource(l, o, l.owners[o], start)
}

// Tail returns a source without group that starts at an offset, at the beginning (-2) or at the end (-1).
func (l *Log) Tail(topic string, number int, from int64) *Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch p := l.topics[topic][number]; from {
	case -2:
		from = p.first
	case -1:
		from = p.next()
	}
	return newSource(l, owned{"", topic, number}, 0, from)
}

func newSource(l *Log, o owned, generation int, start int64) *Source {
	s := &Source{log: l, owned: o, generation: generation, started: start}
	s.position.Store(start)
	return s
}

// Leave ends the ownership: later commits are refused.
func (s *Source) Leave() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.owners[s.owned]++
}

// Topic returns the topic's name.
func (s *Source) Topic() string { return s.owned.topic }

// Partition returns the partition's number.
func (s *Source) Partition() int { return s.owned.partition }

// SeekTo makes offset the next one to be fetched.
func (s *Source) SeekTo(offset int64) { s.position.Store(offset) }

// Position returns the next offset to be fetched.
func (s *Source) Position() int64 { return s.position.Load() }

// Committed returns where this owner started.
func (s *Source) Committed() int64 { return s.started }

// Fetch returns the next records, at least one, at most the log's FetchRecords; trimmed ones are passed over.
func (s *Source) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		records, changed := s.read()
		if len(records) > 0 {
			return records, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (s *Source) read() ([]pipeline.Record, <-chan struct{}) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	p := s.log.topics[s.owned.topic][s.owned.partition]
	position := max(s.position.Load(), p.first)
	var records []pipeline.Record
	for ; position < p.next() && len(records) < s.log.FetchRecords; position++ {
		if r := p.records[position-p.first]; !isMarker(r) {
			records = append(records, r)
		}
	}
	s.position.Store(position)
	return records, p.changed
}

// Commit stores next as the group's, if it is higher and this is the present owner; else ErrFenced.
func (s *Source) Commit(ctx context.Context, next int64) error {
	if err := ctx.Err(); err != nil || s.generation == 0 {
		return err
	}
	return s.log.Crash.Do(func(func(int) int) error { return s.log.commit(s.owned, s.generation, next) })
}

// Bounds returns the first offset and the one after the last.
func (s *Source) Bounds(ctx context.Context) (first, next int64, err error) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	p := s.log.topics[s.owned.topic][s.owned.partition]
	return p.first, p.next(), ctx.Err()
}
