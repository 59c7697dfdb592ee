package pipeline_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// input is an in-memory log with one topic of one partition.
func input(t testing.TB, values ...string) *pipelinetest.Log {
	l := pipelinetest.NewLog(nil)
	l.Create("in", 1)
	publish(t, l, "in", 0, values...)
	return l
}

func runOn[In, Out any](l *pipelinetest.Log, b *pipeline.Batch[In, Out]) func(context.Context) error {
	return func(ctx context.Context) error { return b.Run(ctx, l.Source("in", 0, "g")) }
}

// observed is a source whose commits somebody watches.
type observed struct {
	pipeline.Source
	committed func(next int64)
}

func (o observed) Commit(ctx context.Context, next int64) error {
	err := o.Source.Commit(ctx, next)
	o.committed(next)
	return err
}

func lengths[T any](writes []pipelinetest.Write[T]) []int {
	var all []int
	for _, w := range writes {
		all = append(all, len(w.Out))
	}
	return all
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Goal: a dead letter carries the record as it came, what it decoded to if it did, and the reason. Method: one record of
// each kind of fault, a good one after them.
func TestRejectionsBecomeDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, "garbage", "reject 1", "panic 1", "good")
		b, out, dead := textBatch()
		if err := live(runOn(l, b)); err != nil {
			t.Fatal(err)
		}
		equal(t, "outputs", out.All(), []string{"good"})
		letters := dead.All()
		if len(letters) != 3 {
			t.Fatalf("%d dead letters, want 3", len(letters))
		}
		for i, want := range []struct {
			reason string
			in     bool
		}{{"undecodable", false}, {"asked_for", true}, {pipeline.ReasonPanic, true}} {
			d := letters[i]
			if d.Reason != want.reason || (d.In != nil) != want.in || d.Record.Offset != int64(i) || string(d.Record.Value) != string(d.Record.Key) {
				t.Errorf("dead letter %d: reason %s, decoded %t, offset %d", i, d.Reason, d.In != nil, d.Record.Offset)
			}
			if d.In != nil && *d.In != string(d.Record.Value) {
				t.Errorf("dead letter %d holds what another record decoded to", i)
			}
		}
		equal(t, "commit", l.Committed("g", "in", 0), int64(4))
	})
}

// Goal: the value of a panic, which may quote the record, reaches no log; its place does.
func TestPanicValueIsNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, "panic 1")
		b, _, _ := textBatch()
		log := logged(func() { _ = live(runOn(l, b)) })
		if strings.Contains(log, "canary") || !strings.Contains(log, "in/0/0") {
			t.Errorf("log tells the panic's value, or not its position: %q", log)
		}
	})
}

// Goal: batches are cut by count and bytes, whatever a fetch brings. Method: fetches of 4 records against limits of 3
// records, then of 25 bytes.
func TestLimitsCutBatches(t *testing.T) {
	for name, c := range map[string]struct {
		limits pipeline.Limits
		want   []int
	}{
		// Keys and values are the same text here: a record of ten letters has 20 bytes, one of one letter 2.
		"Records":          {pipeline.Limits{Records: 3, Linger: time.Second}, []int{3, 3, 3, 1}},
		"Bytes":            {pipeline.Limits{Bytes: 25, Linger: time.Second}, []int{3, 3, 1, 3}},
		"OneAloneMayBeBig": {pipeline.Limits{Bytes: 1, Linger: time.Second}, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ten := strings.Repeat("x", 10)
				l := input(t, "a", "b", ten, ten, "c", "d", ten[:9], ten, "e", "f")
				l.FetchRecords = 4
				b, out, _ := textBatch()
				b.Limits = c.limits
				if err := live(runOn(l, b)); err != nil {
					t.Fatal(err)
				}
				equal(t, "batches", lengths(out.Writes()), c.want)
				equal(t, "outputs", len(out.All()), 10)
			})
		})
	}
}

// Goal: a batch waits for more records at most the linger from its first. Method: virtual time; records at 0, 3 and
// 20 ms under a linger of 10 ms.
func TestLingerGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t)
		b, out, _ := textBatch()
		b.Limits.Linger = 10 * time.Millisecond
		loop := start(runOn(l, b))
		synctest.Wait()
		publish(t, l, "in", 0, "a")
		time.Sleep(3 * time.Millisecond)
		publish(t, l, "in", 0, "b")
		time.Sleep(6 * time.Millisecond)
		synctest.Wait()
		equal(t, "written after 9 ms", len(out.Writes()), 0)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		equal(t, "written after 10 ms", out.All(), []string{"a", "b"})
		time.Sleep(10 * time.Millisecond)
		publish(t, l, "in", 0, "c")
		time.Sleep(time.Second)
		equal(t, "batches", lengths(out.Writes()), []int{2, 1})
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// Goal: the lane waits for its head: what is due before it goes at once, nothing overtakes it, and it goes when due.
// Method: virtual time; four records in one fetch, the third due in an hour.
func TestDueHoldsTheHeadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, "a", "b", "late", "c")
		began := time.Now()
		var times []time.Duration
		b, out, _ := textBatch()
		b.Due = func(in string) time.Time {
			if in == "late" {
				return began.Add(time.Hour)
			}
			return time.Time{}
		}
		b.Target = pipeline.TargetFunc[string](func(ctx context.Context, s pipeline.Span, o []string) error {
			times = append(times, time.Since(began))
			return out.Write(ctx, s, o)
		})
		loop := start(runOn(l, b))
		time.Sleep(time.Hour - time.Second)
		synctest.Wait()
		equal(t, "written before", out.All(), []string{"a", "b"})
		equal(t, "committed before", l.Committed("g", "in", 0), int64(2))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		equal(t, "written after", out.All(), []string{"a", "b", "late", "c"})
		equal(t, "times", times, []time.Duration{0, time.Hour})
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// Goal: while one batch is written the next is stepped and the one after it fetched, and no more than that. Method: a
// target that blocks; look at how far step and fetch have gone.
func TestFetchStepAndWriteOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, numbers(100)...)
		l.FetchRecords = 10
		src := l.Source("in", 0, "g")
		b, out, _ := textBatch()
		b.Limits.Records = 10
		release := make(chan struct{})
		b.Target = pipeline.TargetFunc[string](func(ctx context.Context, s pipeline.Span, o []string) error {
			<-release
			return out.Write(ctx, s, o)
		})
		stepped := 0
		b.Step = func(in string) ([]string, error) {
			stepped++
			return []string{in}, nil
		}
		loop := start(func(ctx context.Context) error { return b.Run(ctx, src) })
		synctest.Wait()
		// One batch in the write, one in the channel, one stepped and waiting for it; then the same of fetches.
		equal(t, "stepped while the first batch is being written", stepped, 30)
		equal(t, "fetched while the first batch is being written", src.Position(), int64(50))
		equal(t, "committed while the first batch is being written", l.Committed("g", "in", 0), int64(0))
		close(release)
		synctest.Wait()
		equal(t, "outputs", out.All(), numbers(100))
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
