package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A writer's schema that could cost more than its values' bytes is refused.
func TestHostileSchemas(t *testing.T) {
	// Goal: a schema in the registry cannot exhaust us. Method: recursion, items without bytes, references that expand
	// without end, depth, size; each around fields that would resolve.
	request := readSchema(t, "message_request.v1.avsc")
	with := func(typ string) string {
		return strings.Replace(request, `{"name": "message_id"`, `{"name": "extra", "type": `+typ+`}, {"name": "message_id"`, 1)
	}
	doubling := `{"type":"record","name":"N0","fields":[]}`
	for i := 1; i < 30; i++ {
		doubling = fmt.Sprintf(`{"type":"record","name":"N%d","fields":[{"name":"a","type":%s},{"name":"b","type":"N%d"}]}`, i, doubling, i-1)
	}
	for name, c := range map[string]struct {
		schema string
		known  bool
	}{
		"harmless":             {with(`"int"`), true},
		"recursion":            {with(`{"type":"record","name":"List","fields":[{"name":"next","type":["null","List"]}]}`), false},
		"items without bytes":  {with(`{"type":"array","items":"null"}`), false},
		"records without any":  {with(`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`), false},
		"fixed without any":    {with(`{"type":"array","items":{"type":"fixed","name":"E","size":0}}`), false},
		"fixed of minus one":   {with(`{"type":"fixed","name":"E","size":-1}`), false},
		"doubling":             {with(doubling), false},
		"deep":                 {with(strings.Repeat(`{"type":"array","items":`, 2000) + `"int"` + strings.Repeat(`}`, 2000)), false},
		"wrapped deep":         {with(strings.Repeat(`{"type":`, 2000) + `"int"` + strings.Repeat(`}`, 2000)), false},
		"large":                {with(`{"type":"enum","name":"E","symbols":["` + strings.Repeat("x", maxSchemaBytes) + `"]}`), false},
		"empty union":          {with(`[]`), false},
		"same branch twice":    {with(`["int","int"]`), false},
		"union in union":       {with(`["int",["null"]]`), false},
		"unknown type":         {with(`"uuid"`), false},
		"same name twice":      {with(`{"type":"fixed","name":"Text","size":1}`), false},
		"no fields":            {with(`{"type":"record","name":"E"}`), false},
		"enum without symbols": {with(`{"type":"enum","name":"E","symbols":[]}`), false},
		"bad default symbol":   {with(`{"type":"enum","name":"E","symbols":["A"],"default":"B"}`), false},
		"quoted name":          {with(`{"type":"fixed","name":"E\"","size":1}`), false},
		"not JSON":             {`{`, false},
		"no schema":            {``, false},
		"a number":             {`17`, false},
		"another record":       {readSchema(t, "event.v1.avsc"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if !json.Valid([]byte(c.schema)) && name != "not JSON" && name != "no schema" {
				t.Fatal("the schema is not even JSON")
			}
			_, err := MessageRequests.WithRegistry(registryOf(c.schema)).Decode([]byte{0, 0, 0, 0, 1, 0})
			want := ReasonIncompatibleSchema
			if c.known {
				want = ReasonUndecodable // understood, and then the body is too short
			}
			if err == nil || reasonOf(t, err) != want {
				t.Errorf("got error %v, want %s", err, want)
			}
		})
	}
}
