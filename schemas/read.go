package schemas

import (
	"encoding/binary"
	"math"
	"reflect"
	"time"
)

// reading sets a Go value from the bytes of the value's own schema, which passed check, and returns the rest. Almost every
// record is written by the newest schema, and reading it without goavro's maps takes a fifth of the time; other writers'
// records go the long way, through goavro and Avro's resolution. Both ways give the same, as a test draws.
type reading func(b []byte, dst reflect.Value) (rest []byte, err error)

// newReading plans the way from the schema n into the Go type t, which mirrors it.
func newReading(n *node, t reflect.Type) reading {
	switch n.kind {
	case kindBoolean:
		return func(b []byte, dst reflect.Value) ([]byte, error) { dst.SetBool(b[0] == 1); return b[1:], nil }
	case kindInt, kindLong:
		if t == timeType {
			return newTimeReading(n.logical)
		}
		return func(b []byte, dst reflect.Value) ([]byte, error) {
			v, b, _ := readLong(b)
			dst.SetInt(v)
			return b, nil
		}
	case kindDouble:
		return func(b []byte, dst reflect.Value) ([]byte, error) {
			dst.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
			return b[8:], nil
		}
	case kindBytes:
		return readBytes
	case kindString:
		return func(b []byte, dst reflect.Value) ([]byte, error) {
			s, b := readString(b)
			dst.SetString(s)
			return b, nil
		}
	case kindEnum:
		return func(b []byte, dst reflect.Value) ([]byte, error) {
			i, b, _ := readLong(b)
			dst.SetString(n.symbols[i])
			return b, nil
		}
	case kindRecord:
		return newRecordReading(n, t)
	case kindArray:
		return newArrayReading(n, t)
	case kindMap:
		return readLabels
	default:
		return newContentReading(n)
	}
}

// readBytes copies. No bytes are nil.
func readBytes(b []byte, dst reflect.Value) ([]byte, error) {
	size, b, _ := readLong(b)
	if size > 0 {
		dst.SetBytes(append([]byte(nil), b[:size]...))
	}
	return b[size:], nil
}

func readString(b []byte) (s string, rest []byte) {
	size, b, _ := readLong(b)
	return string(b[:size]), b[size:]
}

func newTimeReading(logical string) reading {
	limit, unit := int64(maxMicros), time.UnixMicro
	if logical == timestampMillis {
		limit, unit = maxMillis, time.UnixMilli
	}
	return func(b []byte, dst reflect.Value) ([]byte, error) {
		v, b, _ := readLong(b)
		if v < 0 || v > limit {
			return nil, &DecodeError{ReasonUndecodable}
		}
		*dst.Addr().Interface().(*time.Time) = unit(v).UTC()
		return b, nil
	}
}

func newRecordReading(n *node, t reflect.Type) reading {
	type step struct {
		index []int
		read  reading
	}
	fields, steps := goFields(t), make([]step, len(n.fields))
	for i, f := range n.fields {
		g := fields[f.name]
		if typ, ok := f.node.nullBranch(); ok {
			steps[i] = step{g.index, newNullableReading(typ, g.typ)}
		} else {
			steps[i] = step{g.index, newReading(f.node, g.typ)}
		}
	}
	return func(b []byte, dst reflect.Value) (_ []byte, err error) {
		for i := range steps {
			if b, err = steps[i].read(b, dst.FieldByIndex(steps[i].index)); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
}

// newNullableReading leaves null the zero value.
func newNullableReading(n *node, t reflect.Type) reading {
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	read := newReading(n, t)
	return func(b []byte, dst reflect.Value) ([]byte, error) {
		branch, b, _ := readLong(b)
		if branch == 0 {
			return b, nil
		}
		if pointer {
			dst.Set(reflect.New(t))
			dst = dst.Elem()
		}
		return read(b, dst)
	}
}

func newContentReading(n *node) reading {
	types, reads := make([]reflect.Type, len(n.branches)), make([]reading, len(n.branches))
	for i, b := range n.branches {
		types[i] = contentTypes[shortName(b.name)]
		reads[i] = newReading(b, types[i])
	}
	return func(b []byte, dst reflect.Value) ([]byte, error) {
		i, b, _ := readLong(b)
		v := reflect.New(types[i]).Elem()
		b, err := reads[i](b, v)
		dst.Set(v)
		return b, err
	}
}

// readBlock reads how many items the next block of an array or map holds, 0 at its end.
func readBlock(b []byte) (count int, rest []byte) {
	n, b, _ := readLong(b)
	if n < 0 { // a block that tells its bytes
		n = -n
		_, b, _ = readLong(b)
	}
	return int(n), b
}

// newArrayReading leaves an empty array nil.
func newArrayReading(n *node, t reflect.Type) reading {
	item := newReading(n.item, t.Elem())
	return func(b []byte, dst reflect.Value) (_ []byte, err error) {
		for {
			count, rest := readBlock(b)
			if b = rest; count == 0 {
				return b, nil
			}
			begin := dst.Len()
			if begin == 0 {
				dst.Set(reflect.MakeSlice(t, count, count))
			} else {
				dst.Grow(count)
				dst.SetLen(begin + count)
			}
			for i := range count {
				if b, err = item(b, dst.Index(begin+i)); err != nil {
					return nil, err
				}
			}
		}
	}
}

// readLabels leaves an empty map nil.
func readLabels(b []byte, dst reflect.Value) ([]byte, error) {
	labels := dst.Addr().Interface().(*map[string]string)
	for {
		count, rest := readBlock(b)
		if b = rest; count == 0 {
			return b, nil
		}
		if *labels == nil {
			*labels = make(map[string]string, count)
		}
		for range count {
			var key, value string
			key, b = readString(b)
			value, b = readString(b)
			(*labels)[key] = value
		}
	}
}
