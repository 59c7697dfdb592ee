package schemas

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Apache Avro reads what we write and we read what it writes, by fingerprint.
func TestJava(t *testing.T) {
	// Goal: producers and consumers in other languages can use plain Avro libraries. Method: compile testdata/java
	// against Apache Avro; let it print the fingerprint of every schema; let it read an example of every record and of
	// every branch of content, and write it again; read that back and compare. Its text of the record shows that it
	// read values and not only bytes.
	run := startJava(t)
	printed := run("fingerprints", ".")
	if pinned, err := os.ReadFile("testdata/fingerprints.txt"); err != nil || string(pinned) != printed {
		t.Errorf("testdata/fingerprints.txt (%v) differs from what Java prints:\n%s", err, printed)
	}

	dir := t.TempDir()
	for _, s := range subjects() {
		encoded, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, s.name+".in"), encoded)
		write(t, filepath.Join(dir, s.name+".avsc"), []byte(s.schema))
	}
	run("copy", dir)
	for _, s := range subjects() {
		t.Run(s.name, func(t *testing.T) {
			got, err := s.decode(read(t, filepath.Join(dir, s.name+".out")))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, s.example) {
				t.Errorf("came back from Java as\n%+v\nwant\n%+v", got, s.example)
			}
		})
	}
	text := read(t, filepath.Join(dir, "message_request.text.json"))
	for _, want := range []string{`"tenant_id": "acme"`, `"body": "Grüße 👋 from https://example.com"`, `"category": "utility"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("Java read no %s in %s", want, text)
		}
	}
}

// startJava compiles testdata/java and returns a function that runs it. The test is skipped where Java or Maven is
// missing, and fails there in CI.
func startJava(t *testing.T) func(args ...string) string {
	t.Helper()
	for _, tool := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("CI needs %s", tool)
			}
			t.Skipf("%s is not installed", tool)
		}
	}
	dir := t.TempDir()
	list := filepath.Join(dir, "classpath")
	resolve := func(flags ...string) error {
		args := append(flags, "-q", "-B", "-f", "testdata/java/pom.xml", "dependency:build-classpath", "-Dmdep.outputFile="+list)
		return exec.Command("mvn", args...).Run()
	}
	if resolve("-o") != nil { // not in Maven's cache yet
		if err := resolve(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("fetch Apache Avro: %v", err)
			}
			t.Skipf("fetch Apache Avro: %v", err)
		}
	}
	classpath := strings.TrimSpace(string(read(t, list))) + string(os.PathListSeparator) + dir
	if out, err := exec.Command("javac", "-cp", classpath, "-d", dir, "testdata/java/Interop.java").CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	return func(args ...string) string {
		cmd := exec.Command("java", append([]string{"-Dfile.encoding=UTF-8", "-cp", classpath, "Interop"}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("java %v: %v\n%s", args, err, stderr.Bytes())
		}
		return string(out)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
