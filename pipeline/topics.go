package pipeline

import "context"

// Topics is a Target that appends what each result encodes to. Encode may fail for the world's reasons (sealing talks to
// a keeper): it and the append are repeated one by one.
type Topics[Out any] struct {
	Encode func(ctx context.Context, out Out) ([]Output, error)
	Log    Log
	Retry  Backoff
}

// Write encodes and appends in order and returns once all is acknowledged.
func (t *Topics[Out]) Write(ctx context.Context, span Span, out []Out) error {
	outputs := make([]Output, 0, len(out))
	for _, o := range out {
		encoded, err := t.Encode(ctx, o)
		if err != nil {
			err = Retry(ctx, t.Retry, "encode results of "+span.Topic, func(ctx context.Context) error {
				encoded, err = t.Encode(ctx, o)
				return err
			})
		}
		if err != nil {
			return err
		}
		outputs = append(outputs, encoded...)
	}
	if len(outputs) == 0 {
		return nil
	}
	return Retry(ctx, t.Retry, "append results of "+span.Topic, func(ctx context.Context) error {
		_, err := t.Log.Append(ctx, outputs)
		return err
	})
}
