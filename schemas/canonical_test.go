package schemas

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The fingerprints in our records' first bytes are the ones Apache Avro computes.
func TestFingerprintsEqualJavas(t *testing.T) {
	// Goal: another Avro library finds our schemas by fingerprint. Method: compare every schema's fingerprint with the
	// one that Apache Avro's Java library printed into testdata/fingerprints.txt (see TestJava).
	want := readFingerprints(t)
	names := schemaFiles(t)
	for _, name := range names {
		n := mustParse(t, readSchema(t, name))
		if got := fmt.Sprintf("%016x", fingerprint(n.canonical())); got != want[name] {
			t.Errorf("%s has fingerprint %s, Java says %q", name, got, want[name])
		}
	}
	if len(want) != len(names) {
		t.Errorf("testdata/fingerprints.txt names %d schemas, there are %d", len(want), len(names))
	}
}

// The canonical form follows the specification where our own schemas do not go.
func TestCanonicalForm(t *testing.T) {
	// Goal: writers' schemas from elsewhere get the right fingerprint and reach goavro whole. Method: examples of every
	// rule of "Parsing Canonical Form for Schemas".
	for _, c := range []struct{ schema, want string }{
		{`{"type":"long","logicalType":"timestamp-millis"}`, `"long"`},
		{`{"type":{"type":"string"}}`, `"string"`},
		{`["null" , {"type":"array","items":"int"}]`, `["null",{"type":"array","items":"int"}]`},
		{`{"values":"bytes","type":"map"}`, `{"type":"map","values":"bytes"}`},
		{`{"type":"fixed","size":16,"name":"F","namespace":"a.b"}`, `{"name":"a.b.F","type":"fixed","size":16}`},
		{`{"type":"enum","name":"x.E","namespace":"ignored","symbols":["A","B"],"default":"A","doc":"d","aliases":["G"]}`,
			`{"name":"x.E","type":"enum","symbols":["A","B"]}`},
		{`{"type":"record","name":"R","namespace":"n","doc":"d","fields":[
			{"name":"a","type":{"type":"fixed","name":"F","size":2},"doc":"d","default":"ab"},
			{"name":"b","type":["null","F","n.F2"],"default":null},
			{"name":"c","type":"n.F"}]}`, ``}, // n.F2 is not defined
		{`{"type":"record","name":"R","namespace":"n","doc":"d","fields":[
			{"name":"a","type":{"type":"fixed","name":"F","size":2},"doc":"d","default":"ab"},
			{"name":"b","type":["null","F"],"order":"ignore"},
			{"name":"c","type":"n.F","aliases":["d"]}]}`,
			`{"name":"n.R","type":"record","fields":[{"name":"a","type":{"name":"n.F","type":"fixed","size":2}},` +
				`{"name":"b","type":["null","n.F"]},{"name":"c","type":"n.F"}]}`},
	} {
		n, err := parseSchema(c.schema)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s was accepted", c.schema)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.schema, err)
		} else if got := n.canonical(); got != c.want {
			t.Errorf("%s\n has canonical form %s\n want %s", c.schema, got, c.want)
		}
	}
}

// CRC-64-AVRO is computed as the specification computes it.
func TestFingerprintOfSpecification(t *testing.T) {
	// Goal: pin the function itself. Method: Java's values for two primitive schemas.
	for canonical, want := range map[string]uint64{`"int"`: 0x7275d51a3f395c8f, `"string"`: 0x8f014872634503c7} {
		if got := fingerprint(canonical); got != want {
			t.Errorf("%s has fingerprint %016x, want %016x", canonical, got, want)
		}
	}
}

func readFingerprints(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/fingerprints.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	byName := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		byName[name] = value
	}
	return byName
}

func schemaFiles(t *testing.T) []string {
	t.Helper()
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func readSchema(t testing.TB, name string) string {
	t.Helper()
	text, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustParse(t testing.TB, text string) *node {
	t.Helper()
	n, err := parseSchema(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
