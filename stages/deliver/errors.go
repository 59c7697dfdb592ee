package deliver

import (
	"hash/fnv"
	"time"
)

// Rule is what an error code of Meta's means. A code decides, never the HTTP status.
type Rule struct {
	Reason string // of the outcome
	// Fail ends the message; else it is tried again After (times Factor a time, at most Max), Tries times at most; 0 tries
	// until the deadline.
	Fail       bool
	After, Max time.Duration
	Factor     float64
	Tries      int
	// Stop keeps template, number, account or credential from sending, For so long (0: until an operator lifts it), only
	// Category if it is set. The message itself waits.
	Stop     string
	For      time.Duration
	Category string
	Suppress string // what the recipient gets no more of: all, marketing
	Slow     bool   // lower the number's rate
	Pair     bool   // keep this number from this recipient meanwhile
}

const (
	hour = time.Hour
	min1 = time.Minute
)

// Rows of the table that many codes share.
var (
	credential = Rule{Reason: "credential_refused", Stop: "credential"}
	config     = Rule{Reason: "bad_request", Fail: true}
	server     = Rule{Reason: "server_error", After: 30 * time.Second, Factor: 2, Max: 10 * min1}
	offPath    = Rule{Reason: "not_on_send_path", Fail: true} // management, groups, calling: never an answer to our call
	graphLimit = Rule{Reason: "app_throttled", Stop: "account", For: 5 * min1}
)

// rules is the table of Meta's error codes: everything that decides by a code decides here, listen for the errors that come
// by a callback too. There the message is final, and only Stop, Suppress and Slow apply.
var rules = map[int32]Rule{
	// Authorization: the credential is stopped and what has time waits.
	0: credential, 3: credential, 10: credential, 102: credential, 104: credential, 190: credential, 131005: credential,

	// Integrity and account.
	368:    {Reason: "account_blocked", Stop: "account", For: 24 * hour},
	130497: {Reason: "country_restricted", Fail: true},
	131031: {Reason: "account_locked", Stop: "account"},
	131037: {Reason: "display_name_missing", Stop: "number"},
	131042: {Reason: "payment_problem", Stop: "account"},
	131045: {Reason: "number_unregistered", Stop: "number"},
	133010: {Reason: "number_unregistered", Stop: "number"},
	33:     {Reason: "number_deleted", Stop: "number"},
	131063: {Reason: "marketing_off", Stop: "account", Category: "marketing"},
	134011: config,
	139200: {Reason: "direct_send_off", Fail: true},

	// Throttling.
	4: graphLimit, 17: graphLimit, 341: graphLimit, 613: graphLimit, 80007: graphLimit,
	130429: {Reason: "rate_limited", After: time.Second, Factor: 2, Max: 30 * time.Second, Slow: true},
	131056: {Reason: "pair_limited", After: time.Second, Factor: 4, Max: hour, Pair: true},
	131048: {Reason: "spam_limited", Stop: "number", For: 4 * hour},
	131064: {Reason: "category_limited", Stop: "account", For: 24 * hour},
	133016: offPath, 131208: offPath,

	// Recipient and content.
	130403: {Reason: "blocked_by_recipient", Fail: true, Suppress: "all"},
	130472: {Reason: "held_out", Fail: true},
	131021: {Reason: "recipient_is_sender", Fail: true},
	131026: {Reason: "undeliverable", Fail: true}, // an old client, terms not accepted: no objection, and nothing would ever lift one
	131030: {Reason: "recipient_not_allowed", Fail: true},
	131036: {Reason: "payload_gone", Fail: true},
	131047: {Reason: "window_closed", Fail: true},
	131049: {Reason: "marketing_capped", Fail: true},
	131050: {Reason: "opted_out", Fail: true, Suppress: "marketing"},
	131062: {Reason: "needs_phone", Fail: true},
	137000: {Reason: "identity_changed", Fail: true},
	131051: {Reason: "unsupported_type", Fail: true},
	131052: offPath, 131060: offPath,
	131053: {Reason: "media_failed", After: min1, Factor: 2, Max: 5 * min1, Tries: 2},
	131014: {Reason: "media_failed", After: min1, Factor: 2, Max: 5 * min1, Tries: 2},
	131203: {Reason: "terms_not_accepted", Fail: true},

	// Request and template.
	100: config, 131008: config, 131055: config, 134100: config,
	131009: {Reason: "bad_parameter", Fail: true},
	132000: {Reason: "template_mismatch", Fail: true},
	132001: {Reason: "template_missing", Stop: "template", For: hour},
	132005: {Reason: "template_mismatch", Fail: true},
	132007: {Reason: "template_refused", Stop: "template"},
	132012: {Reason: "template_mismatch", Fail: true},
	132015: {Reason: "template_paused", Stop: "template", For: 3 * hour},
	132016: {Reason: "template_disabled", Stop: "template"},
	132018: {Reason: "template_mismatch", Fail: true},
	132068: {Reason: "flow_blocked", Fail: true},
	132069: {Reason: "flow_throttled", After: hour, Factor: 1, Max: hour},
	135000: {Reason: "request_error", After: min1, Factor: 1, Max: min1, Tries: 1},
	134101: {Reason: "template_syncing", After: 10 * min1, Factor: 1, Max: 10 * min1},
	134102: {Reason: "template_unavailable", Stop: "template", For: hour},
	131020: offPath, 131041: offPath,

	// Server side.
	1:       {Reason: "server_error", After: 30 * time.Second, Factor: 2, Max: 5 * min1, Tries: 2},
	2:       server,
	131000:  {Reason: "server_error", After: 10 * time.Second, Factor: 3, Max: 10 * min1, Tries: 5},
	131016:  server,
	131057:  {Reason: "maintenance", Stop: "number", For: min1},
	2494100: {Reason: "maintenance", Stop: "number", For: 5 * min1},
	133004:  server,
	133000:  offPath, 133005: offPath, 133006: offPath, 133008: offPath, 133009: offPath, 133015: offPath,
	131035: {Reason: "callback_lost", Fail: true},
	131043: {Reason: "expired_at_meta", Fail: true},
}

// unlisted is the rule of a code that is not in the table: refused, so no risk in a few more tries, and then it fails.
var unlisted = Rule{Reason: "unlisted_error", After: 30 * time.Second, Factor: 4, Max: 10 * min1, Tries: 2}

// RuleFor returns the rule of a code.
func RuleFor(code int32) Rule {
	if r, ok := rules[code]; ok {
		return r
	}
	if code >= 200 && code <= 299 {
		return credential
	}
	return unlisted
}

// delay is how long to wait after the n-th refusal (from 0), with a fifth of jitter taken from the claim's id, so that a
// herd spreads and a replay agrees.
func (r Rule) delay(n int, claim string) time.Duration {
	d := float64(r.After)
	for range n {
		if d = d * r.Factor; d >= float64(r.Max) {
			d = float64(r.Max)
			break
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(claim))
	return time.Duration(d * (1 + 0.2*float64(h.Sum32()%1000)/1000)) // later, never earlier than Meta asks
}

// notSentRule paces the repeats of a call that never left.
var notSentRule = Rule{After: time.Second, Factor: 2, Max: 5 * min1}
