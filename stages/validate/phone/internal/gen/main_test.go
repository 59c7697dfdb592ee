package main

import (
	"bytes"
	"os"
	"testing"
)

// Goal: the table in the repository is the one of the library in go.mod. Method: generate it again and compare.
func TestTableIsUpToDate(t *testing.T) {
	t.Parallel()
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("table.go is not what the library's metadata gives: run go generate ./stages/validate/phone")
	}
}
