package seal

import (
	"fmt"
	"testing"
	"time"
)

func TestKeeperCallsDoNotGrowWithTenants(t *testing.T) {
	// Goal: a seed costs one wrap where it is made and one unwrap in each process that opens it, whoever uses it. Method:
	// count the calls for one tenant and for a thousand.
	type calls struct{ wraps, unwraps, appends int }
	count := func(tenants int) calls {
		log, keeper := newMemory(), newKeeper(t)
		opener := NewOpener(OpenerConfig{Tail: log.tail, Keeper: keeper})
		sealer := NewSealer(SealerConfig{Log: log, Keeper: keeper})
		for i := range 1000 {
			tenant := fmt.Sprintf("tenant-%d", i%tenants)
			sealed, _, err := sealer.Seal(t.Context(), 24*time.Hour, tenant, "1", Transit, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := opener.Open(t.Context(), sealed, tenant, "1", Transit); err != nil {
				t.Fatal(err)
			}
		}
		wraps, unwraps := keeper.calls()
		return calls{wraps, unwraps, log.appends}
	}
	if one, many := count(1), count(1000); one != (calls{1, 1, 1}) || many != one {
		t.Errorf("calls for one tenant %+v, for a thousand %+v", one, many)
	}
}
