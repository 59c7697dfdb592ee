package pipeline

import (
	"strconv"
	"time"
)

// Position says where a record stands.
type Position struct {
	Topic     string // without the deployment's prefix
	Partition int
	Offset    int64
}

// String returns topic/partition/offset, the form in which coordinates stand in Event.Detail.
func (p Position) String() string {
	return p.Topic + "/" + strconv.Itoa(p.Partition) + "/" + strconv.FormatInt(p.Offset, 10)
}

// Header is a record header.
type Header struct {
	Key   string
	Value []byte
}

// MarkerHeader marks an empty record that only rolls a segment; its value is the offset before it. Sources skip
// markers and count them.
const MarkerHeader = "wl-marker"

// Record is one record as its source gave it. Key and Value are the record's own: they may be kept.
type Record struct {
	Position
	Key, Value []byte
	Headers    []Header
	AppendedAt time.Time // the broker's append time (LogAppendTime), millisecond resolution
}

// AnyPartition lets the log choose the partition by the key, as Kafka's Java client does (Murmur2).
const AnyPartition = -1

// Output is one record to be appended.
type Output struct {
	Topic      string
	Partition  int // or AnyPartition
	Key, Value []byte
	Headers    []Header
}

// Appended is where and when an Output was acknowledged.
type Appended struct {
	Position
	At time.Time
}
