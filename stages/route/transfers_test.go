package route

import (
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"
)

// TestEveryCountryHasOneRegion: goal: no country is forgotten or listed twice. Method: walk all two-letter codes that
// CLDR calls countries and all regions of the phone library, and count the words of the table.
func TestEveryCountryHasOneRegion(t *testing.T) {
	// What CLDR calls a country besides: codes withdrawn from ISO 3166-1, reserved there, or of groups of countries.
	const notISO = "AN CS FQ NT PC SU YU  CP CQ DG EA IC  EZ UN"
	regions := Default().Regions
	wanted := map[string]bool{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			r, err := language.ParseRegion(code)
			if err == nil && r.IsCountry() && r.Canonicalize() == r && !strings.Contains(notISO, code) {
				wanted[code] = true
			}
		}
	}
	for code := range phonenumbers.GetSupportedRegions() {
		wanted[code] = true
	}
	if len(wanted) < 249 {
		t.Fatalf("the test knows only %d countries", len(wanted))
	}
	for code := range wanted {
		if regions[code] == "" {
			t.Errorf("country %s has no region", code)
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(countries) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields); i++ {
			if seen[fields[i]] {
				t.Errorf("country %s is listed twice", fields[i])
			}
			if len(fields[i]) != 2 {
				t.Errorf("%q is no country code", fields[i])
			}
			seen[fields[i]] = true
		}
	}
}

// TestMatrixIsWholeAndOnlyTheDiagonalIsSameRegion: goal: no cell is missing by a slip of the pen. Method: read the text
// again, cell by cell.
func TestMatrixIsWholeAndOnlyTheDiagonalIsSameRegion(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	columns := strings.Fields(lines[0])
	if len(lines) != len(columns) {
		t.Fatalf("%d rows for %d columns", len(lines)-1, len(columns)-1)
	}
	for i, line := range lines[1:] {
		cells := strings.Fields(line)
		if len(cells) != len(columns) || cells[0] != columns[i+1] {
			t.Fatalf("row %q does not fit the columns", line)
		}
		for j, cell := range cells[1:] {
			if !strings.Contains("=as-", cell) || (cell == "=") != (i == j) {
				t.Errorf("%s to %s is %q", cells[0], columns[j+1], cell)
			}
		}
	}
}

// TestWeakerLegIsRecorded: goal: the recorded basis is the one the transfer really rests on. Method: cases over the
// default table, with what must have no basis among them.
func TestWeakerLegIsRecorded(t *testing.T) {
	transfers := Default()
	for _, c := range []struct{ tenant, sender, country, basis string }{
		{"eu", "eu", "DE", SameRegion},
		{"in", "in", "IN", SameRegion},
		{"eu", "us", "DE", Adequacy},
		{"eu", "eu", "GB", Adequacy},
		{"eu", "us", "US", Adequacy},
		{"eu", "eu", "BR", SCC},
		{"eu", "in", "DE", SCC},
		{"br", "apac", "US", SCC},
		{"cn", "cn", "CN", SameRegion},
		{"eu", "cn", "DE", ""},  // the sender's region has no row from eu
		{"eu", "eu", "CN", ""},  // the recipient's law lets nothing out
		{"eu", "eu", "CU", ""},  // embargoed
		{"eu", "eu", "", ""},    // country unknown
		{"eu", "eu", "ZZ", ""},  // no such country
		{"eu", "xx", "DE", ""},  // no such region
		{"", "", "DE", ""},      // a tenant without a region
		{"eu", "eu", "001", ""}, // a number of no country
	} {
		basis, ok := transfers.Basis(c.tenant, c.sender, c.country)
		if ok != (c.basis != "") || (ok && basis != c.basis) || (!ok && basis != None) {
			t.Errorf("tenant %s, sender %s, recipient %s: %q %v, want %q", c.tenant, c.sender, c.country, basis, ok, c.basis)
		}
	}
}
