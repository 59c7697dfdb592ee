package schemas

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

var (
	timeType    = reflect.TypeFor[time.Time]()
	contentType = reflect.TypeFor[Content]()
	labelsType  = reflect.TypeFor[map[string]string]()
)

// contentTypes are the branches of the content union, by the name of their record.
var contentTypes = map[string]reflect.Type{
	"Text": reflect.TypeFor[Text](), "Media": reflect.TypeFor[Media](), "Location": reflect.TypeFor[Location](),
	"Contacts": reflect.TypeFor[Contacts](), "Reaction": reflect.TypeFor[Reaction](), "Template": reflect.TypeFor[Template](),
	"Interactive": reflect.TypeFor[Interactive](), "Raw": reflect.TypeFor[Raw](),
}

// goField is one field of a Go record type.
type goField struct {
	index    []int // through embedded structs
	typ      reflect.Type
	nullable bool
}

// goFields returns the fields of a Go record type by their Avro names; an embedded struct without a tag contributes its own.
func goFields(t reflect.Type) map[string]goField {
	fields := map[string]goField{}
	for _, f := range reflect.VisibleFields(t) {
		name, option, _ := strings.Cut(f.Tag.Get("avro"), ",")
		if f.Anonymous && name == "" {
			continue // its fields follow
		}
		if _, twice := fields[name]; name == "" || twice || (option != "" && option != "null") {
			panic(fmt.Sprintf("schemas: %s.%s has no usable avro tag", t, f.Name))
		}
		fields[name] = goField{index: f.Index, typ: f.Type, nullable: option == "null"}
	}
	return fields
}

// nullBranch splits a union of null and one type into that type; ok is false for any other schema.
func (n *node) nullBranch() (typ *node, ok bool) {
	if n.kind != kindUnion || len(n.branches) != 2 || n.branches[0].kind != kindNull {
		return nil, false
	}
	return n.branches[1], true
}

// checkBinding panics unless the Go type t mirrors the record schema n: same fields, same nullability, fitting types.
// Both are ours, so a difference is a mistake in this package.
func checkBinding(n *node, t reflect.Type) {
	fields := goFields(t)
	if n.kind != kindRecord || t.Kind() != reflect.Struct || shortName(n.name) != t.Name() || len(fields) != len(n.fields) {
		panic(fmt.Sprintf("schemas: %s does not mirror the record %s", t, n.name))
	}
	for _, f := range n.fields {
		g, ok := fields[f.name]
		typ, nullable := f.node.nullBranch()
		if !nullable {
			typ = f.node
		} else if g.typ != nil && g.typ.Kind() == reflect.Pointer {
			g.typ = g.typ.Elem()
		}
		if !ok || g.nullable != nullable || !fits(typ, g.typ) {
			panic(fmt.Sprintf("schemas: the field %s of %s does not mirror the one of %s", f.name, t, n.name))
		}
	}
}

// fits reports whether values of the schema n and the Go type t stand for each other, going down into records.
func fits(n *node, t reflect.Type) bool {
	switch n.kind {
	case kindBoolean:
		return t.Kind() == reflect.Bool
	case kindInt:
		return t.Kind() == reflect.Int32
	case kindLong:
		return t.Kind() == reflect.Int64 || (t == timeType && (n.logical == timestampMillis || n.logical == timestampMicros))
	case kindDouble:
		return t.Kind() == reflect.Float64
	case kindBytes:
		return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
	case kindString, kindEnum:
		return t.Kind() == reflect.String
	case kindRecord:
		checkBinding(n, t)
		return true
	case kindArray:
		return t.Kind() == reflect.Slice && fits(n.item, t.Elem())
	case kindMap:
		return t == labelsType && n.item.kind == kindString
	case kindUnion:
		for _, b := range n.branches {
			if branch, ok := contentTypes[shortName(b.name)]; !ok || !fits(b, branch) {
				return false
			}
		}
		return t == contentType
	}
	return false
}

// The logical types of our times.
const (
	timestampMillis = "timestamp-millis"
	timestampMicros = "timestamp-micros"
)
