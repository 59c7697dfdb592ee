package e2e

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// occurredAll prints how often each fault occurred and fails for one that did not.
func (s *storm) occurredAll() {
	s.t.Helper()
	c := s.meta.Counts()
	for _, o := range outages {
		s.occurred[o.name+" (sends)"] = c.Faults[o.fault.Kind]
	}
	s.occurred["callback doubled (statuses)"] = c.CallbacksDoubled
	s.occurred["callback out of order (statuses)"] = c.CallbacksReordered
	s.occurred["callback before its answer (statuses)"] = c.CallbacksEarly
	for _, f := range breaks {
		s.occurred[f.name] += 0
	}
	for _, name := range slices.Sorted(maps.Keys(s.occurred)) {
		s.t.Logf("%6d  %s", s.occurred[name], name)
		if s.occurred[name] == 0 && *rounds >= fewest {
			s.t.Errorf("%s did not occur", name)
		}
	}
}

// settled holds what ClickHouse has against what was published and what the simulator saw.
func (s *storm) settled() error {
	c, err := s.db.Conservation(s.ctx)
	if err != nil {
		return err
	}
	l := s.meta.Counts()
	switch n := uint64(len(s.producer.published)); {
	case l.Reused+l.Unidentified+l.Forgotten != 0 || (l.Doubles != 0 && !resends()) || len(l.LimitErrors)+len(l.Violations) != 0:
		s.t.Fatalf("the simulator complains: %+v", l) // no time heals it
	case !c.Balanced() || c.Open != 0 || c.FinalSends() != n || c.Rejected != 0:
		return fmt.Errorf("%d published, not balanced: %+v", n, c)
	case l.CallbacksPending+l.CallbacksDropped != 0:
		return fmt.Errorf("callbacks are under way: %+v", l)
	}
	return s.each()
}

// each compares message by message.
func (s *storm) each() error {
	rows, err := s.db.Query(s.ctx, "SELECT tenant_id, message_id, state, final FROM messages FINAL WHERE state != 'repeated'")
	if err != nil {
		return err
	}
	seen := map[identity]simulator.Entry{}
	for _, e := range s.meta.Messages() {
		seen[identity{e.Tenant, e.Message}] = e
	}
	states := map[identity]string{}
	var wrong []error
	counts := map[string]int{}
	for _, r := range rows.Values {
		id, state := identity{r[0], r[1]}, r[2]
		if states[id] != "" || !s.producer.published[id] || r[3] != "true" {
			wrong = append(wrong, fmt.Errorf("%v stands twice, or was not published, or is not final: %s", id, state))
		}
		states[id] = state
		e := seen[id]
		for _, attempt := range e.Attempts {
			if s.held[id][attempt] {
				wrong = append(wrong, fmt.Errorf("%v was called under a claim that was over (attempt %d)", id, attempt))
			}
		}
		if e.Sends > 1 {
			counts["sent once more"]++
		}
		if !fits(state, e) {
			wrong = append(wrong, fmt.Errorf("%v is %s, the simulator has %+v", id, state, e))
		}
		if e.Sends == 0 {
			state += ", never accepted by the provider"
		}
		counts[state]++
	}
	if len(states) != len(s.producer.published) {
		wrong = append(wrong, fmt.Errorf("%d of %d messages have a row", len(states), len(s.producer.published)))
	}
	if n, err := s.hourly(); err != nil || n != fmt.Sprint(len(states)) {
		wrong = append(wrong, fmt.Errorf("the hours have %s of %d messages, %v", n, len(states), err))
	}
	if len(wrong) == 0 {
		s.log("states: %v", counts)
	}
	return errors.Join(wrong[:min(len(wrong), 5)]...)
}

// hourly is the number of messages in the latest refresh of every hour.
func (s *storm) hourly() (string, error) {
	rows, err := s.db.Query(s.ctx, `SELECT sum(h.messages) FROM delivery_hourly AS h FINAL
WHERE state != 'repeated' AND (h.hour, h.refreshed_at) IN (SELECT hour, max(refreshed_at) FROM delivery_hourly GROUP BY hour)`)
	if err != nil {
		return "", err
	}
	return rows.Values[0][0], nil
}

// fits says whether a message's state may stand beside what the simulator knows of it.
func fits(state string, e simulator.Entry) bool {
	switch {
	case e.Sends > 1: // the ledger has the fate of the first only
		return e.Sends == 2 && e.Tenant == resender && resends() && slices.Contains([]string{"sent", "delivered", "read", "failed", "unknown"}, state)
	case e.Sends == 0:
		return state == "unknown" || state == "suppressed"
	case e.Fate == simulator.FateNever:
		return state == "sent" || state == "unknown"
	}
	return state == string(e.Fate)
}
