package main

import (
	"os"
	"os/exec"
	"testing"
)

// Goal: no fault of record, of its inserts or of the engine loses or doubles an event, a message or a count. Method: the
// fault suite with few events; `bench recordfaults` runs it with a million.
func TestRecordFaultsShort(t *testing.T) {
	if _, err := exec.LookPath("java"); err != nil && os.Getenv("CI") == "" {
		t.Skip("no Java for the broker")
	}
	w, err := newWorld(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close(false)
	if err := w.faults(t.Context(), 30_000, 6); err != nil {
		t.Fatal(err)
	}
}
