package schemas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
)

// encoder appends the binary encoding of an addressable Go value. goavro, which wants a map per record, takes three to
// four times as long; it still reads every encoding back in a test.
type encoder func(dst []byte, v reflect.Value) ([]byte, error)

// Why a value cannot be written; the field is named, the value never quoted.
var (
	errSymbol  = errors.New("not a symbol of the enum")
	errUTF8    = errors.New("not valid UTF-8")
	errTime    = errors.New("time outside 1970..9999")
	errContent = errors.New("content is not a branch of the union")
)

// newEncoder plans the way from the Go type t to the schema n, which it mirrors (see checkBinding).
func newEncoder(n *node, t reflect.Type) encoder {
	switch n.kind {
	case kindBoolean:
		return encodeBoolean
	case kindInt, kindLong:
		if t == timeType {
			return newTimeEncoder(n.logical)
		}
		return func(dst []byte, v reflect.Value) ([]byte, error) { return binary.AppendVarint(dst, v.Int()), nil }
	case kindDouble:
		return func(dst []byte, v reflect.Value) ([]byte, error) {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), nil
		}
	case kindBytes:
		return func(dst []byte, v reflect.Value) ([]byte, error) {
			b := v.Bytes()
			return append(binary.AppendVarint(dst, int64(len(b))), b...), nil
		}
	case kindString:
		return func(dst []byte, v reflect.Value) ([]byte, error) { return appendString(dst, v.String()) }
	case kindEnum:
		return newEnumEncoder(n.symbols)
	case kindRecord:
		return newRecordEncoder(n, t)
	case kindArray:
		return newArrayEncoder(n, t)
	case kindMap:
		return encodeLabels
	default:
		return newContentEncoder(n)
	}
}

func encodeBoolean(dst []byte, v reflect.Value) ([]byte, error) {
	if v.Bool() {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

func appendString(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, errUTF8
	}
	return append(binary.AppendVarint(dst, int64(len(s))), s...), nil
}

func newEnumEncoder(symbols []string) encoder {
	return func(dst []byte, v reflect.Value) ([]byte, error) {
		i := slices.Index(symbols, v.String())
		if i < 0 {
			return dst, errSymbol
		}
		return binary.AppendVarint(dst, int64(i)), nil
	}
}

func newTimeEncoder(logical string) encoder {
	return func(dst []byte, v reflect.Value) ([]byte, error) {
		t := v.Addr().Interface().(*time.Time)
		if seconds := t.Unix(); seconds < 0 || seconds > maxMillis/1000 {
			return dst, errTime
		}
		if logical == timestampMillis {
			return binary.AppendVarint(dst, t.UnixMilli()), nil
		}
		return binary.AppendVarint(dst, t.UnixMicro()), nil
	}
}

// newArrayEncoder writes all items as one block.
func newArrayEncoder(n *node, t reflect.Type) encoder {
	item := newEncoder(n.item, t.Elem())
	return func(dst []byte, v reflect.Value) (_ []byte, err error) {
		if v.Len() > 0 {
			dst = binary.AppendVarint(dst, int64(v.Len()))
		}
		for i := range v.Len() {
			if dst, err = item(dst, v.Index(i)); err != nil {
				return dst, err
			}
		}
		return append(dst, 0), nil
	}
}

// encodeLabels writes all entries as one block.
func encodeLabels(dst []byte, v reflect.Value) (_ []byte, err error) {
	labels := *v.Addr().Interface().(*map[string]string)
	if len(labels) > 0 {
		dst = binary.AppendVarint(dst, int64(len(labels)))
	}
	for key, value := range labels {
		if dst, err = appendString(dst, key); err != nil {
			return dst, err
		}
		if dst, err = appendString(dst, value); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

// newContentEncoder encodes the content union, whose branches are struct values.
func newContentEncoder(n *node) encoder {
	type branch struct {
		index  int64
		encode encoder
	}
	branches := map[reflect.Type]branch{}
	for i, b := range n.branches {
		t := contentTypes[shortName(b.name)]
		branches[t] = branch{int64(i), newEncoder(b, t)}
	}
	return func(dst []byte, v reflect.Value) ([]byte, error) {
		if v.IsNil() {
			return dst, errContent
		}
		b, ok := branches[v.Elem().Type()]
		if !ok {
			return dst, errContent
		}
		addressable := reflect.New(v.Elem().Type()).Elem()
		addressable.Set(v.Elem())
		return b.encode(binary.AppendVarint(dst, b.index), addressable)
	}
}

// newNullableEncoder encodes the union of null and one type: the zero value, no bytes, or a pointer to nothing, is null.
func newNullableEncoder(n *node, t reflect.Type) encoder {
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	encode := newEncoder(n, t)
	return func(dst []byte, v reflect.Value) ([]byte, error) {
		if v.IsZero() || (v.Kind() == reflect.Slice && v.Len() == 0) {
			return binary.AppendVarint(dst, 0), nil
		}
		if pointer {
			v = v.Elem()
		}
		return encode(binary.AppendVarint(dst, 1), v)
	}
}

func newRecordEncoder(n *node, t reflect.Type) encoder {
	type step struct {
		name   string
		index  []int
		encode encoder
	}
	fields, steps := goFields(t), make([]step, len(n.fields))
	for i, f := range n.fields {
		g := fields[f.name]
		steps[i] = step{name: f.name, index: g.index}
		if typ, ok := f.node.nullBranch(); ok {
			steps[i].encode = newNullableEncoder(typ, g.typ)
		} else {
			steps[i].encode = newEncoder(f.node, g.typ)
		}
	}
	return func(dst []byte, v reflect.Value) (_ []byte, err error) {
		for i := range steps {
			if dst, err = steps[i].encode(dst, v.FieldByIndex(steps[i].index)); err != nil {
				return dst, fmt.Errorf("%s: %w", steps[i].name, err)
			}
		}
		return dst, nil
	}
}
