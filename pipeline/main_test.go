package pipeline_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	goleak.VerifyTestMain(m)
}

// logged captures what f logs.
func logged(f func()) string {
	var text strings.Builder
	former := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&text, nil)))
	defer slog.SetDefault(former)
	f()
	return text.String()
}

// publish appends values to a partition of the in-memory log.
func publish(t testing.TB, l *pipelinetest.Log, topic string, partition int, values ...string) {
	t.Helper()
	outputs := make([]pipeline.Output, len(values))
	for i, v := range values {
		outputs[i] = pipeline.Output{Topic: topic, Partition: partition, Key: []byte(v), Value: []byte(v)}
	}
	if _, err := l.Append(t.Context(), outputs); err != nil {
		t.Fatal(err)
	}
}

func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}

// loop is a running loop under test.
type loop struct {
	cancel context.CancelFunc
	done   chan error
}

func start(run func(ctx context.Context) error) *loop {
	ctx, cancel := context.WithCancel(context.Background())
	l := &loop{cancel: cancel, done: make(chan error, 1)}
	go func() { l.done <- run(ctx) }()
	return l
}

// stop asks the loop to end and returns its error.
func (l *loop) stop() error {
	l.cancel()
	return <-l.done
}

// live lets a loop work for a (virtual) minute, so that all that can happen happens, or until it ends by itself.
func live(run func(ctx context.Context) error) error {
	l := start(run)
	select {
	case err := <-l.done:
		l.cancel()
		return err
	case <-time.After(time.Minute):
		return l.stop()
	}
}

var errWorld = errors.New("the world is broken")

// text is the stage of these tests: it passes a record's text on, except for words that say what shall happen.
func text(in string) ([]string, error) {
	switch in, _, _ := strings.Cut(in, " "); in {
	case "reject":
		return []string{"half done"}, pipeline.Reject("asked_for")
	case "panic":
		panic("canary")
	case "none":
		return nil, nil
	case "twice":
		return []string{"twice 1", "twice 2"}, nil
	}
	return []string{in}, nil
}

func decodeText(r pipeline.Record) (string, error) {
	if strings.HasPrefix(string(r.Value), "garbage") {
		return "", pipeline.Reject("undecodable")
	}
	return string(r.Value), nil
}

// textBatch is the text stage from topic in to two recorders.
func textBatch() (b *pipeline.Batch[string, string], out *pipelinetest.Recorder[string], dead *pipelinetest.Recorder[pipeline.DeadLetter[string]]) {
	out, dead = new(pipelinetest.Recorder[string]), new(pipelinetest.Recorder[pipeline.DeadLetter[string]])
	return &pipeline.Batch[string, string]{
		Name: "text", Decode: decodeText, Step: text, Target: out, DeadLetters: dead,
	}, out, dead
}
