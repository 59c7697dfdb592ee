package e2e

import (
	"strconv"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// Goal: however many messages with canaries pass, no column of any table and no part on the disk of ClickHouse holds one.
// Method: 10,000 of them (in the short form 500), of every kind, each to a number of its own, through every stage; then
// every table is dumped and every part decompressed.
func TestProofManyCanaryMessagesLeaveNoneInClickHouse(t *testing.T) {
	many := 500
	if *allProofs {
		many = 10_000
	}
	p := newProof(t, "many", proofCase{transit: 10 * time.Minute, diagnostic: 10 * time.Minute})
	for kinds := p.canaries.requests(); p.requests < many; p.requests += len(kinds) {
		for i := range kinds {
			kinds[i].MessageID, kinds[i].Recipient.Phone = ulid.Make().String(), p.canaries.phone()
		}
		p.append(kinds)
	}
	p.found()
	p.stages()
	p.await("their events are in ClickHouse", time.Second, p.recorded)
	p.await("they are refreshed", time.Second, func() error {
		rows, err := p.db.Query(p.ctx, "SELECT countIf(final) FROM messages FINAL")
		return unless(err == nil && len(rows.Values) == 1 && rows.Values[0][0] == strconv.Itoa(p.requests), "%v of %d, %v", rows.Values, p.requests, err)
	})
	p.metrics()
	p.database()
	p.files("the logs, working and temporary folders", p.Dir, "")
	p.tight()
}
