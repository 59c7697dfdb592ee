package schemas

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// kind is one of Avro's types.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindFixed
	kindArray
	kindMap
	kindUnion
)

// kindNames are Avro's names, by kind.
var kindNames = [...]string{
	"null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum", "fixed", "array", "map", "union",
}

// node is a parsed schema: names are full, references are resolved, and there is no recursion.
type node struct {
	kind     kind
	name     string   // full name of a record, enum or fixed
	logical  string   // logicalType
	fields   []field  // record
	symbols  []string // enum
	fallback string   // enum: the default symbol, "" for none
	size     int      // fixed
	item     *node    // array, map
	branches []*node  // union
	minWidth int      // least bytes of a value
	weight   int      // nodes, references expanded
}

// field is one field of a record.
type field struct {
	name       string
	node       *node
	value      any // the default, as JSON gives it
	hasDefault bool
}

// Bounds of a schema that a registry may hand us. They hold back schemas whose decoding costs more than their values'
// bytes can pay for: recursion, items without bytes, and references that expand without end.
const (
	maxSchemaBytes = 256 << 10
	maxSchemaDepth = 32
	maxWeight      = 10_000
)

var (
	errSchema  = errors.New("schema is not valid or not supported")
	schemaName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
)

// parseSchema reads an Avro schema. Recursive types, arrays of items without bytes and oversized schemas are refused.
func parseSchema(text string) (*node, error) {
	if len(text) > maxSchemaBytes {
		return nil, errSchema
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, errSchema
	}
	p := schemaParser{named: map[string]*node{}}
	return p.parse(v, "", maxSchemaDepth)
}

// schemaParser holds the named types seen so far; one that is still being read is nil.
type schemaParser struct{ named map[string]*node }

func (p *schemaParser) parse(v any, namespace string, depth int) (*node, error) {
	if depth == 0 {
		return nil, errSchema
	}
	switch v := v.(type) {
	case string:
		return p.byName(v, namespace)
	case []any:
		return p.union(v, namespace, depth)
	case map[string]any:
		return p.complex(v, namespace, depth)
	}
	return nil, errSchema
}

func (p *schemaParser) byName(name, namespace string) (*node, error) {
	if n := primitive(name); n != nil {
		return n, nil
	}
	if n := p.named[fullName(name, namespace)]; n != nil {
		return n, nil
	}
	return nil, errSchema
}

// primitive returns the node of a primitive type, or nil.
func primitive(name string) *node {
	k := slices.Index(kindNames[:kindRecord], name)
	if k < 0 {
		return nil
	}
	width := 1
	switch kind(k) {
	case kindNull:
		width = 0
	case kindFloat:
		width = 4
	case kindDouble:
		width = 8
	}
	return &node{kind: kind(k), minWidth: width, weight: 1}
}

func (p *schemaParser) union(branches []any, namespace string, depth int) (*node, error) {
	u := &node{kind: kindUnion, minWidth: 1, weight: 1}
	seen := map[string]bool{}
	for _, b := range branches {
		n, err := p.parse(b, namespace, depth-1)
		if err != nil || n.kind == kindUnion || seen[n.typeName()] {
			return nil, errSchema
		}
		seen[n.typeName()] = true
		u.branches = append(u.branches, n)
		if u.weight += n.weight; u.weight > maxWeight {
			return nil, errSchema
		}
	}
	if len(u.branches) == 0 {
		return nil, errSchema
	}
	return u, nil
}

func (p *schemaParser) complex(m map[string]any, namespace string, depth int) (*node, error) {
	name, ok := m["type"].(string)
	if !ok {
		return p.parse(m["type"], namespace, depth-1)
	}
	switch name {
	case "record", "enum", "fixed":
		return p.namedType(name, m, namespace, depth)
	case "array", "map":
		return p.collection(name, m, namespace, depth)
	}
	n, err := p.byName(name, namespace)
	if err != nil {
		return nil, err
	}
	if logical, ok := m["logicalType"].(string); ok && n.kind < kindRecord {
		n.logical = logical // byName made this primitive for us alone
	}
	return n, nil
}

func (p *schemaParser) collection(name string, m map[string]any, namespace string, depth int) (*node, error) {
	key, k := "items", kindArray
	if name == "map" {
		key, k = "values", kindMap
	}
	item, err := p.parse(m[key], namespace, depth-1)
	if err != nil || (k == kindArray && item.minWidth == 0) || item.weight >= maxWeight {
		return nil, errSchema
	}
	return &node{kind: k, item: item, minWidth: 1, weight: item.weight + 1}, nil
}

func (p *schemaParser) namedType(typ string, m map[string]any, namespace string, depth int) (*node, error) {
	name, _ := m["name"].(string)
	if own, ok := m["namespace"].(string); ok {
		namespace = own
	}
	name = fullName(name, namespace)
	if _, taken := p.named[name]; taken || !schemaName.MatchString(name) || primitive(name) != nil {
		return nil, errSchema
	}
	p.named[name] = nil
	namespace = ""
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		namespace = name[:dot]
	}
	n := &node{name: name, weight: 1}
	var err error
	switch typ {
	case "record":
		n.kind = kindRecord
		err = p.fields(n, m["fields"], namespace, depth)
	case "enum":
		n.kind, n.minWidth = kindEnum, 1
		err = n.readSymbols(m)
	case "fixed":
		n.kind = kindFixed
		size, ok := m["size"].(float64)
		n.size, n.minWidth = int(size), int(size)
		if !ok || size < 0 || size > MaxValue || size != float64(n.size) {
			err = errSchema
		}
	}
	if err != nil {
		return nil, err
	}
	p.named[name] = n
	return n, nil
}

func (p *schemaParser) fields(n *node, v any, namespace string, depth int) error {
	list, ok := v.([]any)
	if !ok {
		return errSchema
	}
	seen := map[string]bool{}
	for _, v := range list {
		m, _ := v.(map[string]any)
		name, _ := m["name"].(string)
		if !schemaName.MatchString(name) || strings.Contains(name, ".") || seen[name] {
			return errSchema
		}
		seen[name] = true
		typ, err := p.parse(m["type"], namespace, depth-1)
		if err != nil {
			return err
		}
		value, hasDefault := m["default"]
		n.fields = append(n.fields, field{name: name, node: typ, value: value, hasDefault: hasDefault})
		n.minWidth = min(n.minWidth+typ.minWidth, MaxValue+1)
		if n.weight += typ.weight; n.weight > maxWeight {
			return errSchema
		}
	}
	return nil
}

func (n *node) readSymbols(m map[string]any) error {
	list, _ := m["symbols"].([]any)
	for _, v := range list {
		s, _ := v.(string)
		if !schemaName.MatchString(s) || strings.Contains(s, ".") || slices.Contains(n.symbols, s) {
			return errSchema
		}
		n.symbols = append(n.symbols, s)
	}
	n.fallback, _ = m["default"].(string)
	if len(n.symbols) == 0 || (n.fallback != "" && !slices.Contains(n.symbols, n.fallback)) {
		return errSchema
	}
	return nil
}

// typeName is what names the node as a branch of a union: the full name of a named type, else the kind.
func (n *node) typeName() string {
	if n.name != "" {
		return n.name
	}
	return kindNames[n.kind]
}

// fullName qualifies a name that has no dot.
func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

// shortName is a full name without its namespace.
func shortName(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
