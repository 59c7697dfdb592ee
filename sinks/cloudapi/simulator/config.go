package simulator

import "time"

// Config says what is simulated. The zero value of every part but Senders is a well-behaved Meta without callbacks.
type Config struct {
	AppSecret    string            // signs callbacks
	VerifyToken  string            // asked of every callback URL before its first callback; "" asks nothing
	CallbackURLs []string          // taken in turn; none: no callbacks
	Senders      map[string]Sender // by phone number id
	Templates    map[TemplateName]Template
	Unlimited    bool   // switches both limits off
	Seed         uint64 // with a send's callback data, acceptance time apart, decides its fault and its fate

	Latency time.Duration // before every answer
	Jitter  time.Duration // up to so much more, decided by the seed
	Faults  []Fault
	Fates   Fates

	Callbacks Callbacks
	Remember  int // messages in the ledger; older ones are forgotten and counted. 0: 500,000
}

// Sender is a phone number.
type Sender struct {
	WABA          string // id of its WhatsApp Business Account
	Token         string // the only one accepted
	RatePerSecond int    // 0: 80, as Meta's default
}

// TemplateName identifies a template of any account.
type TemplateName struct{ Name, Language string }

// Template is an approved template. Where Config.Templates is nil every template is taken as approved and fitting.
type Template struct {
	BodyParameters int
	Authentication bool // must be addressed by phone number
}

// Fates are the shares of accepted sends by what becomes of them; the rest is delivered. A reaction only ever gets sent.
type Fates struct {
	Sent   float64         // sent and nothing more
	Read   float64         // sent, delivered, read
	Failed map[int]float64 // failed, by error code, after sent
	Never  float64         // no callback at all
}

// Callbacks say how statuses arrive.
type Callbacks struct {
	Delay      time.Duration // from acceptance to sent, and from each status to the next
	Jitter     time.Duration // up to so much more on each
	Batch      int           // statuses in one POST at most; 0: Meta's 1,000
	Duplicates float64       // share of statuses that come twice
	Reordered  float64       // share of messages whose statuses come in reverse order
	Backlog    int           // statuses waiting at most; more are dropped and counted. 0: 1,000,000
}
