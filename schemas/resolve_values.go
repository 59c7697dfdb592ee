package schemas

import (
	"bytes"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
)

// newPrimitiveDecoder covers equal primitives and the promotions to ours: int to long, any number to double, string and
// bytes to each other. (We have no field of type float.)
func newPrimitiveDecoder(w, r *node) (decoder, error) {
	switch r.kind {
	case kindBoolean:
		if w.kind == kindBoolean {
			return func(native any, dst reflect.Value) error { dst.SetBool(native.(bool)); return nil }, nil
		}
	case kindInt, kindLong:
		if w.kind == kindInt {
			return func(native any, dst reflect.Value) error { dst.SetInt(int64(native.(int32))); return nil }, nil
		}
		if w.kind == kindLong && r.kind == kindLong {
			return func(native any, dst reflect.Value) error { dst.SetInt(native.(int64)); return nil }, nil
		}
	case kindDouble:
		if number := toDouble(w.kind); number != nil {
			return func(native any, dst reflect.Value) error { dst.SetFloat(number(native)); return nil }, nil
		}
	case kindString:
		switch w.kind {
		case kindString:
			return func(native any, dst reflect.Value) error { dst.SetString(native.(string)); return nil }, nil
		case kindBytes:
			return decodeStringFromBytes, nil
		}
	case kindBytes:
		switch w.kind {
		case kindString:
			return func(native any, dst reflect.Value) error { dst.SetBytes([]byte(native.(string))); return nil }, nil
		case kindBytes:
			return decodeBytes, nil
		}
	}
	return nil, errIncompatible
}

func toDouble(k kind) func(native any) float64 {
	switch k {
	case kindInt:
		return func(native any) float64 { return float64(native.(int32)) }
	case kindLong:
		return func(native any) float64 { return float64(native.(int64)) }
	case kindFloat:
		return func(native any) float64 { return float64(native.(float32)) }
	case kindDouble:
		return func(native any) float64 { return native.(float64) }
	}
	return nil
}

// decodeBytes copies, because goavro's bytes are part of its input. No bytes are nil.
func decodeBytes(native any, dst reflect.Value) error {
	if b := native.([]byte); len(b) > 0 {
		dst.SetBytes(bytes.Clone(b))
	}
	return nil
}

func decodeStringFromBytes(native any, dst reflect.Value) error {
	b := native.([]byte)
	if !utf8.Valid(b) {
		return &DecodeError{ReasonInvalidUTF8}
	}
	dst.SetString(string(b))
	return nil
}

// newTimeDecoder refuses a writer whose timestamps have another unit than ours. Avro would read the bare number, a
// thousand times too large or too small; a writer without logical type is taken at the reader's word.
func newTimeDecoder(w, r *node) (decoder, error) {
	if w.logical != r.logical && (w.logical != "" || w.kind == kindInt) {
		return nil, errIncompatible
	}
	limit, unit := int64(maxMicros), time.UnixMicro
	if r.logical == timestampMillis {
		limit, unit = maxMillis, time.UnixMilli
	}
	return func(native any, dst reflect.Value) error {
		v := native.(int64)
		if v < 0 || v > limit {
			return &DecodeError{ReasonUndecodable}
		}
		*dst.Addr().Interface().(*time.Time) = unit(v).UTC()
		return nil
	}, nil
}

func newEnumDecoder(w, r *node) decoder {
	symbols := map[string]string{} // the writer's to the reader's
	for _, s := range w.symbols {
		switch {
		case slices.Contains(r.symbols, s):
			symbols[s] = s
		case r.fallback != "":
			symbols[s] = r.fallback
		}
	}
	return func(native any, dst reflect.Value) error {
		s, ok := symbols[native.(string)]
		if !ok {
			return errIncompatibleValue
		}
		dst.SetString(s)
		return nil
	}
}

// newArrayDecoder leaves an empty array nil.
func newArrayDecoder(w, r *node, t reflect.Type) (decoder, error) {
	item, err := newDecoder(w.item, r.item, t.Elem())
	if err != nil {
		return nil, err
	}
	return func(native any, dst reflect.Value) error {
		items := native.([]any)
		if len(items) == 0 {
			return nil
		}
		dst.Set(reflect.MakeSlice(t, len(items), len(items)))
		for i, v := range items {
			if err := item(v, dst.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// newLabelsDecoder leaves an empty map nil.
func newLabelsDecoder(w, r *node) (decoder, error) {
	item, err := newDecoder(w.item, r.item, labelsType.Elem())
	if err != nil {
		return nil, err
	}
	return func(native any, dst reflect.Value) error {
		values := native.(map[string]any)
		if len(values) == 0 {
			return nil
		}
		labels := make(map[string]string, len(values))
		var s string
		value := reflect.ValueOf(&s).Elem()
		for k, v := range values {
			if err := item(v, value); err != nil {
				return err
			}
			labels[k] = s
		}
		*dst.Addr().Interface().(*map[string]string) = labels
		return nil
	}, nil
}

// nativeDefault turns a default as JSON gives it into goavro's native form of the schema. Only our own schemas are
// readers, and a test decodes every default of theirs.
func nativeDefault(n *node, v any) any {
	switch n.kind {
	case kindInt:
		return int32(v.(float64))
	case kindLong:
		return int64(v.(float64))
	case kindBytes:
		b := []byte{}
		for _, r := range v.(string) {
			b = append(b, byte(r)) // code points 0..255 are the bytes
		}
		return b
	case kindUnion: // a default is of the first branch
		if n.branches[0].kind == kindNull {
			return nil
		}
		return map[string]any{n.branches[0].typeName(): nativeDefault(n.branches[0], v)}
	case kindArray:
		var items []any
		for _, item := range v.([]any) {
			items = append(items, nativeDefault(n.item, item))
		}
		return items
	case kindMap:
		values := map[string]any{}
		for k, item := range v.(map[string]any) {
			values[k] = nativeDefault(n.item, item)
		}
		return values
	case kindRecord:
		values := map[string]any{}
		for _, f := range n.fields {
			item, ok := v.(map[string]any)[f.name]
			if !ok {
				item = f.value
			}
			values[f.name] = nativeDefault(f.node, item)
		}
		return values
	}
	return v
}
