package pipelinetest

import (
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// kept is what a partition holds on disk: segments, which go whole. DeleteRecords hides records at once; their bytes go
// with their segment.
type kept struct {
	segment, retention time.Duration // segment.ms, retention.ms
	segments           []segment     // oldest first, the last is written to
}

type segment struct {
	born, newest time.Time // append times of its first and last record
	records      []pipeline.Record
}

// Retain makes a topic delete by age: a segment is rolled by the first append more than segment after its first record,
// and goes retention after its last one. Call it after Create and before the first append.
func (l *Log) Retain(topic string, segment, retention time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.topics[topic] {
		p.kept = &kept{segment: segment, retention: retention}
	}
}

func (k *kept) add(r pipeline.Record) {
	if n := len(k.segments); n == 0 || r.AppendedAt.Sub(k.segments[n-1].born) > k.segment {
		k.segments = append(k.segments, segment{born: r.AppendedAt})
	}
	s := &k.segments[len(k.segments)-1]
	s.newest = r.AppendedAt
	s.records = append(s.records, r)
}

// Expire does what a broker does every log.retention.check.interval.ms: segments past their time go, the one written to
// as well, and segments that lie wholly before the start of the log.
func (l *Log) Expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, partitions := range l.topics {
		for _, p := range partitions {
			p.expire(now)
		}
	}
}

func (p *partition) expire(now time.Time) {
	if p.kept == nil {
		return
	}
	for len(p.kept.segments) > 0 {
		s := p.kept.segments[0]
		end := s.records[len(s.records)-1].Offset + 1
		trimmed := end <= p.first && len(p.kept.segments) > 1
		if !trimmed && now.Sub(s.newest) <= p.kept.retention {
			return
		}
		p.trim(end)
		p.kept.segments = p.kept.segments[1:]
	}
}

// Disk returns what the disk still holds of a topic that deletes by age, trimmed records included.
func (l *Log) Disk(topic string) []pipeline.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []pipeline.Record
	for _, p := range l.topics[topic] {
		if p.kept == nil {
			continue
		}
		for _, s := range p.kept.segments {
			all = append(all, s.records...)
		}
	}
	return all
}
