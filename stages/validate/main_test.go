package validate

import (
	"flag"
	"os"
	"testing"
)

// TestMain fixes the seed of the property tests, so that they are the same each time; -rapid.seed on the command line
// still counts.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "20261126", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
