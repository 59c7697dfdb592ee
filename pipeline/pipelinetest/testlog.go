package pipelinetest

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// TestLog checks what pipeline.Log promises. open is called once for each case.
func TestLog(t *testing.T, open func(t *testing.T) LogHarness) {
	run := func(name string, partitions int, f func(*suite)) {
		t.Run(name, func(t *testing.T) { f(open(t).suite(t, partitions)) })
	}
	run("KeepsOrderAndTellsPositions", 1, logKeepsOrder)
	run("KeepsKeysValuesAndHeaders", 1, logKeepsFields)
	run("SpreadsOverPartitions", 4, logSpreads)
	run("KeepsKeyInOnePartition", 4, logKeepsKey)
	run("TellsAppendTime", 1, logTellsTime)
	run("TakesBigRecords", 2, logTakesBig)
	run("TakesMoreThanOneRequestHolds", 1, logTakesMany)
	run("TakesConcurrentAppends", 2, logConcurrent)
	run("RefusesUnknownPartition", 1, logRefuses)
	run("EndsWithContext", 1, logEnds)
}

func logKeepsOrder(s *suite) {
	first := s.appendNumbered(0, 0, 10)
	second := s.appendNumbered(0, 10, 20)
	records := s.read(s.h.Tail(s, s.topic, 0, -2), 20)
	s.wantNumbers(records, 0, 20)
	for i, a := range append(first, second...) {
		if a.Position != records[i].Position {
			s.Fatalf("append told position %s of the record at %s", a.Position, records[i].Position)
		}
	}
}

func logKeepsFields(s *suite) {
	// An empty key is not a missing one, and a missing value (a tombstone) not an empty one.
	headers := []pipeline.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte{0, 0xff}}}
	want := []pipeline.Output{
		{Topic: s.topic, Key: []byte("k"), Value: []byte("v"), Headers: headers},
		{Topic: s.topic, Value: []byte("no key")},
		{Topic: s.topic, Key: []byte("no value")},
		{Topic: s.topic, Key: []byte{}, Value: []byte{}},
	}
	s.append(want...)
	for i, r := range s.read(s.h.Tail(s, s.topic, 0, -2), len(want)) {
		w := want[i]
		if !same(r.Key, w.Key) || !same(r.Value, w.Value) {
			s.Errorf("record %d: key %q value %q, want %q %q (nil: %t %t, want %t %t)", i, r.Key, r.Value, w.Key, w.Value,
				r.Key == nil, r.Value == nil, w.Key == nil, w.Value == nil)
		}
		if len(r.Headers) != len(w.Headers) {
			s.Fatalf("record %d has %d headers, want %d", i, len(r.Headers), len(w.Headers))
		}
		for j, h := range r.Headers {
			if h.Key != w.Headers[j].Key || !bytes.Equal(h.Value, w.Headers[j].Value) {
				s.Errorf("record %d: header %d is %v, want %v", i, j, h, w.Headers[j])
			}
		}
	}
}

func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func logSpreads(s *suite) {
	var outputs []pipeline.Output
	for i := range 40 {
		outputs = append(outputs, pipeline.Output{Topic: s.topic, Partition: i % 4, Value: []byte(strconv.Itoa(i / 4))})
	}
	for i, a := range s.append(outputs...) {
		if a.Partition != i%4 || a.Topic != s.topic {
			s.Fatalf("output %d for partition %d went to %s", i, i%4, a.Position)
		}
	}
	for p := range 4 {
		s.wantNumbers(s.read(s.h.Tail(s, s.topic, p, -2), 10), 0, 10)
	}
}

func logKeepsKey(s *suite) {
	var outputs []pipeline.Output
	for i := range 80 {
		outputs = append(outputs, pipeline.Output{Topic: s.topic, Partition: pipeline.AnyPartition, Key: []byte(strconv.Itoa(i % 20))})
	}
	of := make(map[string]int)
	used := make(map[int]bool)
	for i, a := range s.append(outputs...) {
		key := string(outputs[i].Key)
		if p, ok := of[key]; ok && p != a.Partition {
			s.Fatalf("key %s went to partitions %d and %d", key, p, a.Partition)
		}
		of[key] = a.Partition
		used[a.Partition] = true
	}
	if len(used) < 2 {
		s.Fatal("20 keys went to one partition of four")
	}
}

func logTellsTime(s *suite) {
	before := time.Now().Add(-time.Minute)
	appended := s.appendNumbered(0, 0, 3)
	for i, r := range s.read(s.h.Tail(s, s.topic, 0, -2), 3) {
		if at := appended[i].At; at.Before(before) || at.After(time.Now().Add(time.Minute)) {
			s.Errorf("append time %s is not about now", at)
		}
		if s.h.AppendTime && !r.AppendedAt.Equal(appended[i].At) {
			s.Errorf("record says it was appended at %s, append said %s", r.AppendedAt, appended[i].At)
		}
		if !r.AppendedAt.Equal(r.AppendedAt.Truncate(time.Millisecond)) {
			s.Errorf("append time %s is finer than a millisecond", r.AppendedAt)
		}
	}
}

func logTakesBig(s *suite) {
	big := bytes.Repeat([]byte("0123456789abcdef"), s.h.LargestValue/16)
	s.append(
		pipeline.Output{Topic: s.topic, Partition: 0, Value: big},
		pipeline.Output{Topic: s.topic, Partition: 1, Value: []byte("small")},
		pipeline.Output{Topic: s.topic, Partition: 0, Value: big},
	)
	for i, r := range s.read(s.h.Tail(s, s.topic, 0, -2), 2) {
		if !bytes.Equal(r.Value, big) {
			s.Errorf("big record %d came back with %d bytes, other than the %d sent", i, len(r.Value), len(big))
		}
	}
}

func logTakesMany(s *suite) {
	// 4 MB in one call: more than one request of a Kafka producer may hold.
	value := bytes.Repeat([]byte("x"), 4000)
	var outputs []pipeline.Output
	for i := range 1000 {
		outputs = append(outputs, pipeline.Output{Topic: s.topic, Key: []byte(strconv.Itoa(i)), Value: value})
	}
	s.append(outputs...)
	for i, r := range s.read(s.h.Tail(s, s.topic, 0, -2), len(outputs)) {
		if string(r.Key) != strconv.Itoa(i) {
			s.Fatalf("record %d has key %s", i, r.Key)
		}
	}
}

func logConcurrent(s *suite) {
	const callers, each = 8, 25
	ctx := s.context()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				out := pipeline.Output{Topic: s.topic, Partition: c % 2, Key: []byte(strconv.Itoa(c)), Value: []byte(strconv.Itoa(i))}
				if _, err := s.h.Log.Append(ctx, []pipeline.Output{out}); err != nil {
					s.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if s.Failed() {
		return
	}
	for p := range 2 {
		next := make(map[string]int)
		for _, r := range s.read(s.h.Tail(s, s.topic, p, -2), callers/2*each) {
			if want := strconv.Itoa(next[string(r.Key)]); string(r.Value) != want {
				s.Fatalf("caller %s: record %s stands where %s should", r.Key, r.Value, want)
			}
			next[string(r.Key)]++
		}
	}
}

func logRefuses(s *suite) {
	ctx, cancel := context.WithTimeout(s.context(), 10*time.Second)
	defer cancel()
	if _, err := s.h.Log.Append(ctx, []pipeline.Output{{Topic: s.topic, Partition: 7, Value: []byte("v")}}); err == nil {
		s.Fatal("append to a partition that does not exist succeeded")
	}
}

func logEnds(s *suite) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.h.Log.Append(ctx, []pipeline.Output{{Topic: s.topic, Value: []byte("v")}}); err == nil {
		s.Fatal("append under an ended context succeeded")
	}
}
