package internal

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/stages/custody"
	"github.com/whatsapplink/cloud/stages/deliver"
	"github.com/whatsapplink/cloud/stages/listen"
	"github.com/whatsapplink/cloud/stages/route"
	"github.com/whatsapplink/cloud/stages/validate"
)

var update = flag.Bool("update", false, "write the lists of reasons into README.md")

// Goal: the README lists every reason there is, and no other. Method: make the section from the closed lists of the
// stages and compare.
func TestReadmeListsEveryReason(t *testing.T) {
	const path, begin, end = "../../README.md", "<!-- reasons: ", "<!-- end of reasons -->"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	readme := string(raw)
	from := strings.Index(readme, begin)
	to := strings.Index(readme, end)
	if from < 0 || to < from {
		t.Fatal("README.md has no section of reasons")
	}
	from += strings.Index(readme[from:], "\n") + 1
	section := reasons()
	if *update {
		if err := os.WriteFile(path, []byte(readme[:from]+section+readme[to:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if readme[from:to] != section {
		t.Error("README.md is behind the lists of reasons: go test ./cmd/internal -run Readme -update")
	}
}

func reasons() string {
	var b strings.Builder
	b.WriteString("\nFrom `validate`, lengths in UTF-16 units:\n\n| Reason | What it tells |\n|---|---|\n")
	for _, r := range validate.Reasons {
		_, _ = fmt.Fprintf(&b, "| `%s` | %s |\n", r, strings.ReplaceAll(validate.Meaning(r), "|", `\|`))
	}
	for _, stage := range []struct {
		text string
		list []string
	}{
		{"On verdicts of `route`, which `deliver` makes final", route.Reasons},
		{"On outcomes and parked events of `deliver`", deliver.Reasons()},
		{"Of callbacks that `listen` cannot read", listen.Reasons},
		{"Of refusals of `custody`", append(custody.Reasons[:len(custody.Reasons):len(custody.Reasons)], custody.ReasonKeyGone)},
	} {
		_, _ = fmt.Fprintf(&b, "\n%s: `%s`.\n", stage.text, strings.Join(stage.list, "` `"))
	}
	return b.String() + "\n"
}
