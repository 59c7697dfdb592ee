package simulator

import (
	"encoding/binary"
	"hash/fnv"
	"strconv"
	"strings"
)

// identity is what a sender wrote into biz_opaque_callback_data:
// v1|tenant|message id|attempt|accepted_at|category|country|content_type|window.
type identity struct {
	tenant, message, acceptedAt string
	attempt                     int
	category                    string
	known                       bool // false: the data is missing or of another form
}

func parseIdentity(data string) identity {
	p := strings.Split(data, "|")
	if len(p) != 9 || p[0] != "v1" || p[1] == "" || p[2] == "" || p[4] == "" {
		return identity{}
	}
	attempt, err := strconv.Atoi(p[3])
	if err != nil || attempt < 1 {
		return identity{}
	}
	return identity{tenant: p[1], message: p[2], attempt: attempt, acceptedAt: p[4], category: p[5], known: true}
}

// dice are a send's random numbers. They depend on the seed and on what names the send, not on when it came, so that two
// runs with the same messages agree.
type dice struct{ seed, send uint64 }

func (s *Simulator) dice(r *request) dice {
	h := fnv.New64a()
	if id := r.identity; id.known {
		_, _ = h.Write([]byte(id.tenant + "|" + id.message + "|" + strconv.Itoa(id.attempt)))
	} else {
		_, _ = h.Write([]byte(r.address() + "|" + r.callbackData))
		_, _ = h.Write(r.digest[:])
	}
	return dice{seed: s.config.Seed, send: h.Sum64()}
}

// roll returns a number in [0, 1) for a question.
func (d dice) roll(question string) float64 {
	h := fnv.New64a()
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], d.seed)
	binary.LittleEndian.PutUint64(b[8:], d.send)
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(question))
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix is the finalizer of SplitMix64: FNV alone leaves the high bits of short inputs poor.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
