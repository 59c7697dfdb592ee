package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files and digests that are missing; existing ones are never touched")

// Every later version reads what version 1 wrote.
func TestGolden(t *testing.T) {
	// Goal: records that lie in topics stay readable. Method: decode the kept bytes of every record and compare with
	// the example they were made from. A version adds files for itself, and leaves these and their examples alone.
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			encoded, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "golden", s.name+".v1.bin")
			if _, err := os.Stat(path); *update && errors.Is(err, fs.ErrNotExist) {
				write(t, path, encoded)
			}
			golden := read(t, path)
			got, err := s.decode(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, s.example) {
				t.Errorf("the golden bytes read as\n%+v\nwant\n%+v", got, s.example)
			}
			if newest(t, s.name) == 1 && !bytes.Equal(encoded, golden) {
				t.Error("version 1 is written with other bytes now")
			}
		})
	}
}

// A version of a schema is never edited.
func TestSchemasAreNeverEdited(t *testing.T) {
	// Goal: a fingerprint and its meaning stay together. Method: the digest of every file is the one kept when it was
	// added; docs and defaults, which no fingerprint covers, included.
	const path = "testdata/avsc.sha256"
	kept := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(read(t, path))), "\n") {
		digest, name, _ := strings.Cut(line, "  ")
		kept[name] = digest
	}
	for _, name := range schemaFiles(t) {
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(readSchema(t, name))))
		switch {
		case kept[name] == digest:
		case kept[name] == "" && *update:
			write(t, path, append(read(t, path), digest+"  "+name+"\n"...))
		case kept[name] == "":
			t.Errorf("%s has no digest yet: run the tests of this package with -update", name)
		default:
			t.Errorf("%s was edited: add a version instead", name)
		}
		delete(kept, name)
	}
	for name := range kept {
		t.Errorf("%s is gone", name)
	}
}

// Every schema file belongs to a record with a codec and an example, in the namespace of the contract.
func TestEverySchemaIsARecord(t *testing.T) {
	// Goal: no schema escapes the tests above. Method: compare the files with the subjects and their namespaces.
	known := map[string]bool{}
	for _, s := range subjects() {
		record, _, _ := strings.Cut(s.name, ".")
		known[record] = true
	}
	for _, name := range schemaFiles(t) {
		record, _, _ := strings.Cut(name, ".")
		if !known[record] {
			t.Errorf("%s has no codec or no example", name)
		}
		if n := mustParse(t, readSchema(t, name)); !strings.HasPrefix(n.name, "cloud.whatsapplink.v1.") {
			t.Errorf("%s defines %s outside the namespace", name, n.name)
		}
	}
}

// Every record, enum and field of every schema has a doc.
func TestEverythingIsDocumented(t *testing.T) {
	// Goal: the schema files alone tell a producer or auditor what is meant. Method: walk over their JSON.
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(path, item)
			}
		case map[string]any:
			if name, ok := v["name"].(string); ok {
				path += "/" + name
				if doc, _ := v["doc"].(string); len(doc) < 3 {
					t.Errorf("%s has no doc", path)
				}
			}
			for _, key := range []string{"fields", "type", "items", "values"} {
				walk(path, v[key])
			}
		}
	}
	for _, name := range schemaFiles(t) {
		var v any
		if err := json.Unmarshal([]byte(readSchema(t, name)), &v); err != nil {
			t.Fatal(err)
		}
		walk(name, v)
	}
}

// newest is the newest version of a subject's schema.
func newest(t *testing.T, subject string) int {
	t.Helper()
	record, _, _ := strings.Cut(subject, ".")
	version := 0
	for _, name := range schemaFiles(t) {
		if strings.HasPrefix(name, record+".v") {
			version++
		}
	}
	return version
}
