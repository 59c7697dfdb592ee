package schemas

import (
	"encoding/binary"
	"unicode/utf8"
)

// Bounds of one value.
const (
	MaxValue = 1 << 20 // bytes of an encoded record, prefix included
	maxParts = 1 << 17 // parts goavro allocates for: items, records (per four fields) and branches that are not null
)

// check walks over one value of the schema at the start of b before goavro allocates anything for it, and returns the
// rest and "", or the reason why there is no such value. parts is what the record has left of maxParts: it bounds the
// memory of decoding, since a part of about 300 bytes can cost its sender two.
func (n *node) check(b []byte, parts *int) (rest []byte, reason string) {
	switch n.kind {
	case kindNull:
		return b, ""
	case kindBoolean:
		if len(b) == 0 || b[0] > 1 {
			return nil, ReasonUndecodable
		}
		return b[1:], ""
	case kindFloat, kindDouble, kindFixed:
		return skip(b, int64(n.minWidth))
	case kindInt, kindLong, kindEnum:
		v, b, ok := readLong(b)
		if !ok || (n.kind == kindInt && v != int64(int32(v))) || (n.kind == kindEnum && uint64(v) >= uint64(len(n.symbols))) {
			return nil, ReasonUndecodable
		}
		return b, ""
	case kindBytes:
		size, b, ok := readLong(b)
		if !ok {
			return nil, ReasonUndecodable
		}
		return skip(b, size)
	case kindString:
		return checkString(b)
	case kindRecord:
		return n.checkFields(b, parts)
	case kindUnion:
		v, b, ok := readLong(b)
		if !ok || uint64(v) >= uint64(len(n.branches)) {
			return nil, ReasonUndecodable
		}
		if n.branches[v].kind == kindNull {
			return b, ""
		}
		if *parts--; *parts < 0 {
			return nil, ReasonUndecodable
		}
		return n.branches[v].check(b, parts)
	}
	return n.checkBlocks(b, parts)
}

// checkFields walks over the fields of a record.
func (n *node) checkFields(b []byte, parts *int) (rest []byte, reason string) {
	if *parts -= 1 + len(n.fields)/4; *parts < 0 {
		return nil, ReasonUndecodable
	}
	for i := range n.fields {
		if b, reason = n.fields[i].node.check(b, parts); reason != "" {
			return nil, reason
		}
	}
	return b, ""
}

// checkBlocks walks over the blocks of an array or a map.
func (n *node) checkBlocks(b []byte, parts *int) (rest []byte, reason string) {
	for {
		count, rest, ok := readLong(b)
		if ok && count < 0 { // a block that tells its bytes
			count = -count
			_, rest, ok = readLong(rest)
		}
		if !ok || count < 0 || count > int64(*parts) {
			return nil, ReasonUndecodable
		}
		if b = rest; count == 0 {
			return b, ""
		}
		*parts -= int(count)
		for range count {
			if n.kind == kindMap {
				if b, reason = checkString(b); reason != "" {
					return nil, reason
				}
			}
			if b, reason = n.item.check(b, parts); reason != "" {
				return nil, reason
			}
		}
	}
}

func checkString(b []byte) (rest []byte, reason string) {
	size, b, ok := readLong(b)
	if !ok || size < 0 || size > int64(len(b)) {
		return nil, ReasonUndecodable
	}
	if !utf8.Valid(b[:size]) {
		return nil, ReasonInvalidUTF8
	}
	return b[size:], ""
}

func skip(b []byte, size int64) (rest []byte, reason string) {
	if size < 0 || size > int64(len(b)) {
		return nil, ReasonUndecodable
	}
	return b[size:], ""
}

// readLong reads a zig-zag variable-length integer.
func readLong(b []byte) (v int64, rest []byte, ok bool) {
	u, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return int64(u>>1) ^ -int64(u&1), b[n:], true
}

// Times on the wire lie in the years 1970..9999.
const (
	maxMillis = 253402300799_999
	maxMicros = maxMillis*1000 + 999
)
