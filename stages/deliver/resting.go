package deliver

import (
	"slices"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// resting is all that stays of a message with one send that lies in a lane and is not in doubt: what its turn, its repeats
// and late evidence ask for. Of one that only the log told of, its copy is not known. A stopped number may have millions, so it holds no pointers for the collector to follow.
type resting struct {
	accepted int64 // Unix microseconds
	since    int64 // message.since, Unix microseconds
	at       int64 // offset of its copy in the lane
	offset   int64 // of the newest entry that is summed up
	appended int64 // append time of it, Unix milliseconds
	retryAt  int64 // Unix milliseconds
	source   origin
	number   int32  // partition
	code     int32  // of the refusals
	attempts int32  // 0: nothing stands in the log
	seed     uint32 // send.seed
	refused  uint16
	unsent   uint16
	class    uint8 // of the newest outcome, in restingClasses
	reason   uint8 // of it, in reasonNumbers
	lane     uint8 // in Lanes, or noLane
}

const noLane = 255

// restingClasses are the outcomes that leave a message open, after none.
var restingClasses = []schemas.AttemptClass{"", schemas.OutcomeRetry, schemas.OutcomeNotSent}

var reasonNumbers = append([]string{""}, Reasons()...)

// rest sums a message up; false where that would lose something.
func (m *message) rest(horizon time.Duration) (r resting, ok bool) {
	r = resting{since: m.since.UnixMicro(), lane: noLane}
	switch {
	case len(m.sends) == 1 && m.sends[0].live == nil && !m.sends[0].done && m.sends[0].parked.Topic != "":
		s := m.sends[0]
		lane := slices.IndexFunc(Lanes, func(l Lane) bool { return l.Topic == s.parked.Topic })
		r.accepted, r.source, r.seed = s.accepted, s.source, s.seed
		r.at, r.number, r.lane = s.parked.Offset, int32(s.parked.Partition), uint8(lane)
	case len(m.sends) == 0 && len(m.entries) > 0:
		r.accepted, r.source = m.entries[0].accepted, m.entries[0].source
	default:
		return r, false
	}
	st := m.stand(r.accepted, horizon)
	if len(st.open) > 0 || st.final != nil || st.repeatOf != 0 {
		return r, false
	}
	for i := range m.entries {
		e := &m.entries[i]
		if e.accepted != r.accepted || e.source != r.source || (e.ErrorCode != 0 && r.code != 0 && e.ErrorCode != r.code) {
			return r, false
		}
		if e.ErrorCode != 0 {
			r.code = e.ErrorCode
		}
		r.offset, r.appended = e.offset, e.at.UnixMilli()
	}
	r.attempts, r.unsent, r.refused = st.attempts, uint16(m.notSent(r.accepted)), uint16(m.refusals(r.accepted, r.code))
	if st.last == nil {
		return r, len(m.entries) == 0
	}
	class, reason := slices.Index(restingClasses, st.last.Class), slices.Index(reasonNumbers, st.last.Reason)
	r.retryAt, r.class, r.reason = st.last.RetryAt.UnixMilli(), uint8(class), uint8(reason)
	return r, class > 0 && reason >= 0
}

// message brings a resting message back as it was, its entries as one.
func (r resting) message(k key) *message {
	m := &message{key: k, since: time.UnixMicro(r.since).UTC()}
	if r.lane != noLane {
		m.sends = []*send{{
			accepted: r.accepted, source: r.source, seed: r.seed,
			parked: pipeline.Position{Topic: Lanes[r.lane].Topic, Partition: int(r.number), Offset: r.at},
		}}
	}
	if r.class > 0 {
		m.entries = []entry{{
			offset: r.offset, at: time.UnixMilli(r.appended).UTC(), accepted: r.accepted, source: r.source,
			sum: true, refused: int(r.refused), unsent: int(r.unsent),
			Attempt: &schemas.Attempt{
				Attempt: r.attempts, Class: restingClasses[r.class], Reason: reasonNumbers[r.reason], ErrorCode: r.code,
				RetryAt: time.UnixMilli(r.retryAt).UTC(),
			},
		}}
	}
	return m
}
