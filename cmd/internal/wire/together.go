package wire

import (
	"context"

	"github.com/sourcegraph/conc/pool"
)

// together runs functions side by side until all have returned; the first error ends the others.
func together(ctx context.Context, work ...func(context.Context) error) error {
	group := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	for _, w := range work {
		group.Go(w)
	}
	return group.Wait()
}
