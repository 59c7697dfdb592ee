package pipeline

import "context"

// Source is one partition of one topic as its present owner sees it. It is used by one goroutine at a time, except that
// Commit and Bounds may run beside Fetch.
type Source interface {
	Topic() string
	Partition() int
	// Fetch returns the records that follow the last fetched one, in offset order, at least one. It blocks until there
	// are some or ctx ends (then ctx's error, and no record is lost by it). Markers are skipped. Any other error is the
	// world's: call again.
	Fetch(ctx context.Context) ([]Record, error)
	// SeekTo makes offset the next one to be fetched.
	SeekTo(offset int64)
	// Position is the next offset to be fetched: past the last returned record and past markers skipped since, even by a
	// Fetch that ended with ctx.
	Position() int64
	// Commit makes next the first offset a later owner gets; forward only (a lower value is ignored), fenced by the
	// generation. It may return before the commit is durable; the last one is flushed when ownership ends.
	Commit(ctx context.Context, next int64) error
	// Committed is the offset at which this owner started: committed before, else the log's beginning.
	Committed() int64
	// Bounds returns the first offset in the log and the one after the last.
	Bounds(ctx context.Context) (first, next int64, err error)
}

// Log appends records. Safe for concurrent use.
type Log interface {
	// Append returns once every output is acknowledged by all in-sync replicas, in the order given per partition. An
	// error means that some may have been appended and some not: append all again, repeats are harmless.
	Append(ctx context.Context, outputs []Output) ([]Appended, error)
}

// Target takes the results of a batch, in order, and returns once they are durable. A Target retries each of its own
// effects (see Retry); an error it returns is final for the process.
type Target[Out any] interface {
	Write(ctx context.Context, span Span, out []Out) error
}

// Span says which records of one partition a batch came from: [First, Next).
type Span struct {
	Topic       string
	Partition   int
	First, Next int64
}

// TargetFunc is a function as a Target.
type TargetFunc[Out any] func(ctx context.Context, span Span, out []Out) error

// Write calls f.
func (f TargetFunc[Out]) Write(ctx context.Context, span Span, out []Out) error {
	return f(ctx, span, out)
}
