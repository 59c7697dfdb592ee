package schemas

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
)

// sample is a record with one field per rule of schema resolution.
type sample struct {
	I     int32             `avro:"i"`
	L     int64             `avro:"l"`
	D     float64           `avro:"d"`
	S     string            `avro:"s"`
	B     []byte            `avro:"b"`
	T     time.Time         `avro:"t"`
	E     string            `avro:"e"`
	N     string            `avro:"n,null"`
	P     *bool             `avro:"p,null"`
	Items []string          `avro:"items"`
	Map   map[string]string `avro:"map"`
	R     inner             `avro:"r"`
}

type inner struct {
	X int64 `avro:"x"`
}

const sampleSchema = `{"type":"record","name":"sample","namespace":"reader","fields":[
	{"name":"i","type":"int","default":7},
	{"name":"l","type":"long","default":8},
	{"name":"d","type":"double","default":1.5},
	{"name":"s","type":"string","default":"s"},
	{"name":"b","type":"bytes","default":"b\u00ff"},
	{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"},"default":1000},
	{"name":"e","type":{"type":"enum","name":"Letter","symbols":["A","B"],"default":"B"},"default":"A"},
	{"name":"n","type":["null","string"],"default":null},
	{"name":"p","type":["null","boolean"],"default":null},
	{"name":"items","type":{"type":"array","items":"string"},"default":["one","two"]},
	{"name":"map","type":{"type":"map","values":"string"},"default":{"k":"v"}},
	{"name":"r","type":{"type":"record","name":"inner","fields":[{"name":"x","type":"long"}]},"default":{"x":9}}]}`

func sampleDefaults() sample {
	return sample{
		I: 7, L: 8, D: 1.5, S: "s", B: []byte("b\xff"), T: time.UnixMilli(1000).UTC(), E: "A", Items: []string{"one", "two"},
		Map: map[string]string{"k": "v"}, R: inner{9},
	}
}

// registryOf is a registry of one schema, with id 1.
type registryOf string

func (r registryOf) SchemaByID(_ context.Context, id int) (string, error) {
	if id != 1 {
		return "", ErrUnknownSchema
	}
	return string(r), nil
}

// confluent encodes a native value with a writer's schema in the Confluent wire format, id 1.
func confluent(t *testing.T, schema string, native any) []byte {
	t.Helper()
	avro, err := goavro.NewCodec(mustParse(t, schema).canonical())
	if err != nil {
		t.Fatal(err)
	}
	b, err := avro.BinaryFromNative([]byte{0, 0, 0, 0, 1}, native)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type native = map[string]any

// resolution is a writer's schema and value, and what sample is then: its defaults changed by want, or a reason.
type resolution struct {
	schema string
	value  native
	want   func(s *sample)
	reason string
}

// writerOf is a schema of another namespace with the given fields.
func writerOf(fields string) string {
	return `{"type":"record","name":"sample","namespace":"somebody.else","fields":[` + fields + `]}`
}

// oneField is a schema with one field.
func oneField(name, typ string) string {
	return writerOf(fmt.Sprintf(`{"name":%q,"type":%s}`, name, typ))
}

var yes = true

var resolutions = map[string]resolution{
	"all defaults":             {writerOf(``), native{}, func(*sample) {}, ""},
	"removed field":            {oneField("gone", `["null",{"type":"map","values":"bytes"}]`), native{"gone": nil}, func(*sample) {}, ""},
	"int":                      {oneField("i", `"int"`), native{"i": 3}, func(s *sample) { s.I = 3 }, ""},
	"long to int":              {oneField("i", `"long"`), native{"i": 3}, nil, ReasonIncompatibleSchema},
	"int to long":              {oneField("l", `"int"`), native{"l": -3}, func(s *sample) { s.L = -3 }, ""},
	"float to long":            {oneField("l", `"float"`), native{"l": 1.0}, nil, ReasonIncompatibleSchema},
	"int to double":            {oneField("d", `"int"`), native{"d": 3}, func(s *sample) { s.D = 3 }, ""},
	"long to double":           {oneField("d", `"long"`), native{"d": 3}, func(s *sample) { s.D = 3 }, ""},
	"float to double":          {oneField("d", `"float"`), native{"d": 0.5}, func(s *sample) { s.D = 0.5 }, ""},
	"bytes to string":          {oneField("s", `"bytes"`), native{"s": []byte("ü")}, func(s *sample) { s.S = "ü" }, ""},
	"bad bytes to string":      {oneField("s", `"bytes"`), native{"s": []byte{0xff}}, nil, ReasonInvalidUTF8},
	"string to bytes":          {oneField("b", `"string"`), native{"b": "ü"}, func(s *sample) { s.B = []byte("ü") }, ""},
	"fixed to bytes":           {oneField("b", `{"type":"fixed","name":"F","size":1}`), native{"b": []byte("x")}, nil, ReasonIncompatibleSchema},
	"int to string":            {oneField("s", `"int"`), native{"s": 3}, nil, ReasonIncompatibleSchema},
	"plain long to time":       {oneField("t", `"long"`), native{"t": 5}, func(s *sample) { s.T = time.UnixMilli(5).UTC() }, ""},
	"micros to millis":         {oneField("t", `{"type":"long","logicalType":"timestamp-micros"}`), native{"t": 5}, nil, ReasonIncompatibleSchema},
	"enum":                     {oneField("e", `{"type":"enum","name":"Letter","symbols":["B"]}`), native{"e": "B"}, func(s *sample) { s.E = "B" }, ""},
	"enum default":             {oneField("e", `{"type":"enum","name":"Letter","symbols":["C","A"]}`), native{"e": "C"}, func(s *sample) { s.E = "B" }, ""},
	"another enum":             {oneField("e", `{"type":"enum","name":"Digit","symbols":["A"]}`), native{"e": "A"}, nil, ReasonIncompatibleSchema},
	"string to enum":           {oneField("e", `"string"`), native{"e": "A"}, nil, ReasonIncompatibleSchema},
	"value to union":           {oneField("n", `"string"`), native{"n": "x"}, func(s *sample) { s.N = "x" }, ""},
	"promotion into union":     {oneField("n", `"bytes"`), native{"n": []byte("x")}, func(s *sample) { s.N = "x" }, ""},
	"null to union":            {oneField("p", `"null"`), native{"p": nil}, func(*sample) {}, ""},
	"value to pointer":         {oneField("p", `"boolean"`), native{"p": true}, func(s *sample) { s.P = &yes }, ""},
	"no branch for value":      {oneField("p", `"string"`), native{"p": "x"}, nil, ReasonIncompatibleSchema},
	"union in another order":   {oneField("n", `["string","null"]`), native{"n": goavro.Union("string", "x")}, func(s *sample) { s.N = "x" }, ""},
	"union to value":           {oneField("s", `["null","string"]`), native{"s": goavro.Union("string", "x")}, func(s *sample) { s.S = "x" }, ""},
	"null to value":            {oneField("s", `["null","string"]`), native{"s": nil}, nil, ReasonIncompatibleSchema},
	"union without a branch":   {oneField("s", `["null","int"]`), native{"s": nil}, nil, ReasonIncompatibleSchema},
	"wider union, readable":    {oneField("n", `["null","int","string"]`), native{"n": goavro.Union("string", "x")}, func(s *sample) { s.N = "x" }, ""},
	"wider union, unreadable":  {oneField("n", `["null","int","string"]`), native{"n": goavro.Union("int", 3)}, nil, ReasonIncompatibleSchema},
	"array of promoted":        {oneField("items", `{"type":"array","items":"bytes"}`), native{"items": []any{[]byte("x")}}, func(s *sample) { s.Items = []string{"x"} }, ""},
	"empty array":              {oneField("items", `{"type":"array","items":"string"}`), native{"items": []any{}}, func(s *sample) { s.Items = nil }, ""},
	"array to map":             {oneField("map", `{"type":"array","items":"string"}`), native{"map": []any{}}, nil, ReasonIncompatibleSchema},
	"map of unions":            {oneField("map", `{"type":"map","values":["string","null"]}`), native{"map": native{"a": goavro.Union("string", "x")}}, func(s *sample) { s.Map = map[string]string{"a": "x"} }, ""},
	"inner record":             {oneField("r", `{"type":"record","name":"inner","fields":[{"name":"y","type":"int"},{"name":"x","type":"int"}]}`), native{"r": native{"x": 3, "y": 4}}, func(s *sample) { s.R.X = 3 }, ""},
	"inner record, no default": {oneField("r", `{"type":"record","name":"inner","fields":[]}`), native{"r": native{}}, nil, ReasonIncompatibleSchema},
	"another inner record":     {oneField("r", `{"type":"record","name":"other","fields":[{"name":"x","type":"int"}]}`), native{"r": native{"x": 3}}, nil, ReasonIncompatibleSchema},
}

// Records of other versions are read by Avro's resolution rules.
func TestResolution(t *testing.T) {
	// Goal: older and newer compatible producers are understood, others refused. Method: writers' schemas of one field
	// each, read as sample; fields the writer lacks take their defaults.
	for name, c := range resolutions {
		t.Run(name, func(t *testing.T) {
			b, err := newBinding(reflect.TypeFor[sample](), []string{sampleSchema})
			if err != nil {
				t.Fatal(err)
			}
			codec := (&Codec[sample]{b}).WithRegistry(registryOf(c.schema))
			got, err := codec.Decode(confluent(t, c.schema, c.value))
			if c.reason != "" {
				if err == nil || reasonOf(t, err) != c.reason {
					t.Fatalf("got %+v and error %v, want %s", got, err, c.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := sampleDefaults()
			c.want(&want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
		})
	}
}

// A codec with two versions reads both and writes the newer.
func TestVersions(t *testing.T) {
	// Goal: adding a version keeps old records readable. Method: bind sample to a first version without most fields
	// and to the present one; decode a record of each.
	const first = `{"type":"record","name":"sample","fields":[{"name":"i","type":"int"}]}`
	both, err := newBinding(reflect.TypeFor[sample](), []string{first, sampleSchema})
	if err != nil {
		t.Fatal(err)
	}
	codec := &Codec[sample]{both}
	old, err := goavro.NewCodec(first)
	if err != nil {
		t.Fatal(err)
	}
	body, err := old.SingleFromNative(nil, map[string]any{"i": 5})
	if err != nil {
		t.Fatal(err)
	}
	want := sampleDefaults()
	want.I = 5
	got, err := codec.Decode(body)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("the first version reads as %+v, error %v, want %+v", got, err, want)
	}
	encoded, err := codec.Encode(&got)
	if err != nil || codec.Schema() != sampleSchema {
		t.Fatal("the newest version is not the one that is written", err)
	}
	if again, err := codec.Decode(encoded); err != nil || !reflect.DeepEqual(again, want) {
		t.Fatalf("came back as %+v, error %v", again, err)
	}
}

// A producer of the next version of MessageRequest is read today.
func TestNewerRequest(t *testing.T) {
	// Goal: producers may move first, through the registry. Method: give MessageRequest a field, a category and a
	// branch of content more; a record that uses none of them is read, one that uses them is refused.
	newer := readSchema(t, "message_request.v1.avsc")
	for old, replacement := range map[string]string{
		`"fields": [
    {"name": "message_id"`: `"fields": [
    {"name": "priority", "type": "int"}, {"name": "message_id"`,
		`"marketing", "service"]`: `"marketing", "service", "carrier"]`,
		`"type": [{
      "type": "record", "name": "Text"`: `"type": [{
      "type": "record", "name": "Poll", "fields": []}, {
      "type": "record", "name": "Text"`,
	} {
		if !strings.Contains(newer, old) {
			t.Fatalf("the schema holds no %s", old)
		}
		newer = strings.Replace(newer, old, replacement, 1)
	}
	codec := MessageRequests.WithRegistry(registryOf(newer))
	value := func(category string, content any) map[string]any {
		return map[string]any{
			"priority": 1, "message_id": "m", "tenant_id": "acme", "sender_id": nil, "recipient": map[string]any{"phone": nil, "user_id": nil},
			"category": category, "content": content, "reply_to": nil, "created_at": 0, "expires_at": nil, "diagnostic_window": nil, "labels": map[string]any{},
		}
	}
	hello := goavro.Union("cloud.whatsapplink.v1.Text", map[string]any{"body": "hi", "preview_url": true})
	got, err := codec.Decode(confluent(t, newer, value("service", hello)))
	want := MessageRequest{MessageID: "m", TenantID: "acme", Category: Service, Content: Text{Body: "hi", PreviewURL: true}, CreatedAt: time.UnixMilli(0).UTC()}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v, want %+v", got, err, want)
	}
	for name, v := range map[string]map[string]any{
		"category": value("carrier", hello),
		"content":  value("service", goavro.Union("cloud.whatsapplink.v1.Poll", map[string]any{})),
	} {
		if _, err := codec.Decode(confluent(t, newer, v)); err == nil || reasonOf(t, err) != ReasonIncompatibleSchema {
			t.Errorf("a new %s gives error %v", name, err)
		}
	}
}

// Every default in our schemas is a value of its field.
func TestDefaults(t *testing.T) {
	// Goal: a writer that lacks a field never meets a default that does not fit. Method: decode each default of every
	// schema, at every depth, into its Go field.
	var check func(path string, n *node, typ reflect.Type)
	check = func(path string, n *node, typ reflect.Type) {
		if typ.Kind() == reflect.Pointer || (n.kind == kindArray && typ.Kind() == reflect.Slice) {
			typ = typ.Elem()
		}
		switch n.kind {
		case kindArray:
			check(path, n.item, typ)
		case kindUnion:
			for _, b := range n.branches {
				if branch, ok := contentTypes[shortName(b.name)]; ok && typ == contentType {
					check(path, b, branch)
				} else {
					check(path, b, typ)
				}
			}
		case kindRecord:
			fields := goFields(typ)
			for _, f := range n.fields {
				g := fields[f.name]
				check(path+"."+f.name, f.node, g.typ)
				if !f.hasDefault {
					continue
				}
				decode, err := newDecoder(f.node, f.node, g.typ)
				if err != nil {
					t.Fatalf("%s.%s: %v", path, f.name, err)
				}
				if err := decode(nativeDefault(f.node, f.value), reflect.New(g.typ).Elem()); err != nil {
					t.Errorf("%s.%s: %v", path, f.name, err)
				}
			}
		}
	}
	for _, s := range subjects() {
		check(s.name, mustParse(t, s.schema), reflect.TypeOf(s.example))
	}
}
