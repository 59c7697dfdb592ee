package schemas

import (
	"errors"
	"reflect"
	"slices"
)

// decoder sets a Go value from goavro's native form of the writer's value. Its errors are *DecodeError.
type decoder func(native any, dst reflect.Value) error

// A writer's schema of which no value can be read, and a value that cannot be read though others of its schema can.
var (
	errIncompatible      = errors.New("the writer's schema does not resolve to the reader's")
	errIncompatibleValue = &DecodeError{ReasonIncompatibleSchema}
)

// newDecoder plans the way from a value of the writer's schema w, read as the reader's schema r, into the Go type t,
// which mirrors r. It is Avro's schema resolution, done once per writer: fields by name, defaults for missing ones,
// promotions, enum defaults, unions. Names of records and enums match without their namespace, as the specification
// allows. An error means that no value of w can be read.
func newDecoder(w, r *node, t reflect.Type) (decoder, error) {
	if w.kind == kindUnion {
		return newUnionDecoder(w, r, t)
	}
	if r.kind == kindUnion {
		return newBranchDecoder(w, r, t)
	}
	switch r.kind {
	case kindRecord:
		if w.kind == kindRecord && shortName(w.name) == shortName(r.name) {
			return newRecordDecoder(w, r, t)
		}
	case kindEnum:
		if w.kind == kindEnum && shortName(w.name) == shortName(r.name) {
			return newEnumDecoder(w, r), nil
		}
	case kindArray:
		if w.kind == kindArray {
			return newArrayDecoder(w, r, t)
		}
	case kindMap:
		if w.kind == kindMap {
			return newLabelsDecoder(w, r)
		}
	case kindLong:
		if t == timeType && (w.kind == kindLong || w.kind == kindInt) {
			return newTimeDecoder(w, r)
		}
		return newPrimitiveDecoder(w, r)
	default:
		return newPrimitiveDecoder(w, r)
	}
	return nil, errIncompatible
}

func newRecordDecoder(w, r *node, t reflect.Type) (decoder, error) {
	type step struct {
		name   string // of the writer's field, "" for a default
		value  any    // of the default, native
		index  []int
		decode decoder
	}
	fields := goFields(t)
	var steps []step
	for _, f := range r.fields {
		g := fields[f.name]
		s := step{name: f.name, index: g.index}
		writer := f.node
		if i := slices.IndexFunc(w.fields, func(f2 field) bool { return f2.name == f.name }); i >= 0 {
			writer = w.fields[i].node
		} else if f.hasDefault {
			s.name, s.value = "", nativeDefault(f.node, f.value)
		} else {
			return nil, errIncompatible
		}
		var err error
		if s.decode, err = newDecoder(writer, f.node, g.typ); err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return func(native any, dst reflect.Value) error {
		record := native.(map[string]any)
		for i := range steps {
			s := &steps[i]
			value := s.value
			if s.name != "" {
				value = record[s.name]
			}
			if err := s.decode(value, dst.FieldByIndex(s.index)); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// newUnionDecoder resolves each branch the writer may choose. A branch that cannot be read is an error only once it is
// chosen, unless none can be read.
func newUnionDecoder(w, r *node, t reflect.Type) (decoder, error) {
	type branch struct {
		name   string
		decode decoder
	}
	var null decoder
	var branches []branch
	readable := false
	for _, b := range w.branches {
		d, err := newDecoder(b, r, t)
		if err != nil {
			d = func(any, reflect.Value) error { return errIncompatibleValue }
		}
		readable = readable || err == nil
		if b.kind == kindNull {
			null = d
		} else {
			branches = append(branches, branch{b.typeName(), d})
		}
	}
	if !readable {
		return nil, errIncompatible
	}
	return func(native any, dst reflect.Value) error {
		if native == nil {
			return null(nil, dst)
		}
		chosen := native.(map[string]any) // one entry: the branch and its value
		for i := range branches {
			if value, ok := chosen[branches[i].name]; ok {
				return branches[i].decode(value, dst)
			}
		}
		return errIncompatibleValue
	}, nil
}

// newBranchDecoder resolves a writer that is no union to the reader's union: the branch of the same type, else the
// first that fits.
func newBranchDecoder(w, r *node, t reflect.Type) (decoder, error) {
	if w.kind == kindNull {
		if r.branches[0].kind == kindNull {
			return func(any, reflect.Value) error { return nil }, nil
		}
		return nil, errIncompatible
	}
	branches := slices.Clone(r.branches)
	slices.SortStableFunc(branches, func(a, b *node) int { return unlike(w, a) - unlike(w, b) })
	for _, b := range branches {
		if b.kind == kindNull {
			continue
		}
		if d, err := newBoxDecoder(w, b, t); err == nil {
			return d, nil
		}
	}
	return nil, errIncompatible
}

// unlike is 0 for the same type, by kind and full name, and 1 for another.
func unlike(w, r *node) int {
	if w.kind == r.kind && w.name == r.name {
		return 0
	}
	return 1
}

// newBoxDecoder decodes into a new value behind a pointer or an interface, or in place.
func newBoxDecoder(w, r *node, t reflect.Type) (decoder, error) {
	box := t
	switch t.Kind() {
	case reflect.Pointer:
		box = t.Elem()
	case reflect.Interface:
		box = contentTypes[shortName(r.name)]
	default:
		return newDecoder(w, r, t)
	}
	decode, err := newDecoder(w, r, box)
	if err != nil {
		return nil, err
	}
	return func(native any, dst reflect.Value) error {
		v := reflect.New(box)
		if err := decode(native, v.Elem()); err != nil {
			return err
		}
		if t.Kind() == reflect.Interface {
			v = v.Elem()
		}
		dst.Set(v)
		return nil
	}, nil
}
