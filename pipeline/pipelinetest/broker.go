package pipelinetest

import (
	"context"
	"maps"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// Broker is a Kafka in memory: a Log whose topics have settings, which it obeys by time, and consumer groups.
type Broker struct {
	*Log
	// Appended, if any, sees every record that was ever appended.
	Appended func(pipeline.Record)

	mu       sync.Mutex
	settings map[string]map[string]string
	groups   map[string]*group
}

// NewBroker returns a broker without topics that tells the time by now.
func NewBroker(now func() time.Time) *Broker {
	return &Broker{Log: NewLog(now), settings: map[string]map[string]string{}, groups: map[string]*group{}}
}

// CreateTopic makes a topic; segment.ms and retention.ms, where set, are obeyed.
func (b *Broker) CreateTopic(name string, partitions int, settings map[string]string) {
	b.Create(name, partitions)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings[name] = maps.Clone(settings)
	segment, err1 := strconv.ParseInt(settings["segment.ms"], 10, 64)
	retention, err2 := strconv.ParseInt(settings["retention.ms"], 10, 64)
	if err1 == nil && err2 == nil {
		b.Retain(name, time.Duration(segment)*time.Millisecond, time.Duration(retention)*time.Millisecond)
	}
}

// Topics lists the topics with their number of partitions.
func (b *Broker) Topics() map[string]int {
	b.Log.mu.Lock()
	defer b.Log.mu.Unlock()
	all := map[string]int{}
	for name, partitions := range b.topics {
		all[name] = len(partitions)
	}
	return all
}

// Settings returns those that a topic was made with.
func (b *Broker) Settings(topic string) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.settings[topic])
}

// Append is Log.Append, seen by Appended.
func (b *Broker) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	appended, err := b.Log.Append(ctx, outputs)
	if b.Appended != nil {
		for i, a := range appended {
			o := outputs[i]
			b.Appended(pipeline.Record{Position: a.Position, Key: o.Key, Value: o.Value, Headers: o.Headers, AppendedAt: a.At})
		}
	}
	return appended, err
}

// Process is how a process under test reaches the world. Its effects go through Crash.
type Process struct {
	Broker *Broker
	Name   string // alike for all lives
	Crash  *Crasher
	// Deaf says that it does not notice, for now, that its partitions have another owner.
	Deaf func() bool
	// Wall is the process's clock: a wall clock that may step, with a monotonic reading that does not.
	Wall func() time.Time
	// Dial connects to the one server there is.
	Dial func(ctx context.Context) (net.Conn, error)
	// Keeps takes what of the process holds keys in memory.
	Keeps func(any)
}

var plugged sync.Map // address -> *Process

// Plug makes a process known under an address, until unplug.
func Plug(address string, p *Process) (unplug func()) {
	plugged.Store(address, p)
	return func() { plugged.Delete(address) }
}

// Plugged returns the process at an address, nil for none.
func Plugged(address string) *Process {
	p, _ := plugged.Load(address)
	found, _ := p.(*Process)
	return found
}
