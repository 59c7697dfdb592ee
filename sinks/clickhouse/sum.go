package clickhouse

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"
)

func sumStrings(h *xxhash.Digest, all ...string) {
	for _, s := range all {
		_, _ = h.WriteString(s)
		_, _ = h.Write([]byte{0})
	}
}

func sumTimes(h *xxhash.Digest, all ...time.Time) {
	var b [8]byte
	for _, t := range all {
		binary.LittleEndian.PutUint64(b[:], uint64(t.UnixMicro()))
		_, _ = h.Write(b[:])
	}
}
