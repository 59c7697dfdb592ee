package pipelinetest

import (
	"testing"
	"testing/synctest"
	"time"
)

// Goal: a group's partitions have one owner each, a second member waits until the first lets go or its session is over.
// Method: two members in fake time.
func TestGroupGivesPartitionsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBroker(time.Now)
		topics := map[string]int{"routed": 2}
		mine, changed, err := b.Join(t.Context(), "wl.deliver", "first", topics)
		if err != nil || len(mine) != 2 {
			t.Fatalf("the only member has %v, %v", mine, err)
		}
		began := time.Now()
		b.Leave("wl.deliver", "first", false) // it is dead, and says nothing
		second, _, err := b.Join(t.Context(), "wl.deliver", "second", topics)
		if err != nil || len(second) != 2 || time.Since(began) != sessionTimeout {
			t.Errorf("the second member has %v after %v, %v", second, time.Since(began), err)
		}
		select {
		case <-changed:
		default:
			t.Error("the first member is not told")
		}
		joined := make(chan []Assigned)
		go func() {
			third, _, _ := b.Join(t.Context(), "wl.deliver", "third", topics)
			joined <- third
		}()
		if third := <-joined; len(third) != 2 || time.Since(began) != sessionTimeout+rebalanceTimeout {
			t.Errorf("who does not let go keeps its partitions: %v after %v", third, time.Since(began))
		}
	})
}
