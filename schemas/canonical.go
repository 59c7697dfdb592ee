package schemas

import (
	"strconv"
)

// canonical returns the parsing canonical form of the schema (Avro specification, "Parsing Canonical Form for
// Schemas"): full names, no docs, defaults, aliases or logical types, fixed order of attributes, no white space.
func (n *node) canonical() string {
	return string(n.appendCanonical(nil, map[string]bool{}))
}

func (n *node) appendCanonical(b []byte, seen map[string]bool) []byte {
	quoted := func(b []byte, key, value string) []byte {
		return append(append(append(append(b, key...), '"'), value...), '"')
	}
	if n.kind < kindRecord || seen[n.name] {
		return quoted(b, "", n.typeName())
	}
	switch n.kind {
	case kindUnion:
		for i, branch := range n.branches {
			b = branch.appendCanonical(append(b, separator(i, '[')), seen)
		}
		return append(b, ']')
	case kindArray:
		return append(n.item.appendCanonical(append(b, `{"type":"array","items":`...), seen), '}')
	case kindMap:
		return append(n.item.appendCanonical(append(b, `{"type":"map","values":`...), seen), '}')
	}
	seen[n.name] = true
	b = quoted(b, `{"name":`, n.name)
	b = quoted(b, `,"type":`, kindNames[n.kind])
	switch n.kind {
	case kindFixed:
		return append(strconv.AppendInt(append(b, `,"size":`...), int64(n.size), 10), '}')
	case kindEnum:
		b = append(b, `,"symbols":`...)
		for i, symbol := range n.symbols {
			b = quoted(append(b, separator(i, '[')), "", symbol)
		}
		return append(b, "]}"...)
	}
	b = append(b, `,"fields":[`...)
	for i, f := range n.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = quoted(b, `{"name":`, f.name)
		b = append(f.node.appendCanonical(append(b, `,"type":`...), seen), '}')
	}
	return append(b, "]}"...)
}

// separator opens a list before its first element and parts the others.
func separator(i int, open byte) byte {
	if i == 0 {
		return open
	}
	return ','
}

// emptyFingerprint is CRC-64-AVRO of nothing, and its polynomial.
const emptyFingerprint = 0xc15d213aa4d7a795

var fingerprintTable = func() (t [256]uint64) {
	for i := range t {
		crc := uint64(i)
		for range 8 {
			crc = crc>>1 ^ emptyFingerprint&-(crc&1)
		}
		t[i] = crc
	}
	return t
}()

// fingerprint is CRC-64-AVRO (Avro specification, "Schema Fingerprints").
func fingerprint(canonical string) uint64 {
	crc := uint64(emptyFingerprint)
	for _, b := range []byte(canonical) {
		crc = crc>>8 ^ fingerprintTable[byte(crc)^b]
	}
	return crc
}
