// Package simulator is a strict WhatsApp Cloud API on one machine: it takes POST /v{N}.0/{phone-number-id}/messages as
// Meta documents it, answers in Meta's shapes, calls back signed, and keeps a ledger that counts what a sender did wrong.
//
// Its one invariant: a send is in the ledger if and only if it was accepted, whatever the caller got to see of the
// answer. It imports nothing of this module, so that it is no echo of the code it judges.
//
// It does: tokens and sender ids; the body rules of every documented type, with Meta's error codes; the number's limit
// (a bucket of one second's worth, 130429) and the pair's (one message in six seconds with a loan of 45, 131056);
// templates, if registered (132001, 132000, 131062); WhatsApp ids that differ from the number (Brazil, Mexico); wamids
// that contain it; scripted faults; statuses signed over the bytes sent, batched, doubled, out of order, late, retried
// until answered with 200 exactly.
//
// It does not: inbound messages and account-level callbacks; the 24 h service window, pacing of templates and messaging
// tiers (script them as fates or faults); media upload and fetching of links; /marketing_messages; groups.
//
// GET /ledger answers the counts, GET /ledger/messages one JSON line a message, POST /faults replaces the faults. These
// three ask for no token: serve on loopback only.
package simulator
