package deliver

import (
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// The times a claim lives by. A claimant dials only while its claim is younger than ClaimLife, so nobody else needs to
// wait for it longer than ClaimLife, the HTTP time-out and some slack.
const (
	ClaimLife   = 10 * time.Second
	HTTPTimeout = 15 * time.Second
	resendSlack = 10 * time.Second
)

const (
	// holdTime is how long a message waits for its turn in memory: as long as the shortest lane, because what is parked
	// comes back no sooner and a number would idle meanwhile.
	holdTime = 10 * time.Second
	// overdueTime is when a queued message is parked though its slot seemed near: its number is slower than it should be.
	overdueTime = 15 * time.Second
	// shortRetry is the longest retry waited for in memory.
	shortRetry = 2 * time.Second
	// flight is how many calls of a number are under way at most, and flightOfAll those of a partition's numbers together.
	flight      = 256
	flightOfAll = 1024
	// defaultRate is Meta's default throughput of a number, messages a second.
	defaultRate = 80
	// deliveryWindow is the longest any message may take, and the longest settlement time.
	deliveryWindow = 24 * time.Hour
	// settleStep is how soon a message in doubt looks again: its copy must not be late if an owner without memory of it
	// finds it settled.
	settleStep = time.Minute
	// defaultSettle is the settlement time of a tenant that chose none.
	defaultSettle = 15 * time.Minute
)

// Lane is one retry lane: what is parked in Topic comes back after Delay.
type Lane struct {
	Topic string
	Delay time.Duration
}

// Lanes are the lanes of a deployment, shortest first.
var Lanes = []Lane{
	{"retry.10s", 10 * time.Second}, {"retry.1m", time.Minute}, {"retry.10m", 10 * time.Minute}, {"retry.1h", time.Hour},
}

// The other topics a Partition is fed from.
const (
	TopicRouted   = "routed"
	TopicAttempts = "attempts"
	TopicStatus   = "status"
)

// Registers are what a Partition looks up, as of now. All are called from Step and must not block, and Shut calls them beside it.
type Registers struct {
	Tenant     func(id string) (schemas.Tenant, bool)
	Stop       func(scope, id string) (schemas.Stop, bool)
	Suppressed func(tenant string, refs [][]byte, category schemas.Category) bool
	// SuppressionsAge is how long ago the register was last read to its end; nil means it is always fresh.
	SuppressionsAge func(now time.Time) time.Duration
	// Credential says whether a sender's token is at hand; nil means always.
	Credential func(sender string) bool
}

// Config is what a Partition is made of.
type Config struct {
	Registers Registers
	NewID     func() string // the random part of a claim id; unique for ever
	Horizon   time.Duration // within it, requests of one id are one message
	Since     time.Time     // attempts are replayed from this append time
}
