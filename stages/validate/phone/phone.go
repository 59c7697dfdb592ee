// Package phone reads phone numbers: E.164 form, country, and the spellings under which one WhatsApp account may be known.
//
// Its invariant: Parse accepts and places a number exactly as nyaruka/phonenumbers (libphonenumber's metadata) does, kinds
// that are no recipients left out, and beside it the spellings that WhatsApp itself uses (see Aliases). The library is far
// too dear for each message, so its metadata is compiled into table.go, a minimal automaton over digits. Imports only strings.
package phone

import "strings"

//go:generate go run ./internal/gen table.go

// node is a state of the automaton: the index in regions of the country of a number that ends here (0 for none), then the
// state each digit leads to (0 is dead).
type node [11]uint16

// maxWritten bounds a number with its separators.
const maxWritten = 40

// Number is a phone number in E.164 form.
type Number struct {
	E164    string // with the plus: what is sent
	Country string // ISO 3166-1 alpha-2, never ""
}

// Parse reads an international number. Spaces, hyphens and parentheses are dropped; the plus is required, since Meta
// completes a number without one by the sender's calling code and may reach a stranger.
func Parse(s string) (n Number, ok bool) {
	e164, ok := normalise(s)
	if !ok {
		return Number{}, false
	}
	country := countryOf(e164[1:])
	if country == "" {
		// Another spelling of an account is as good as the one the metadata knows.
		country = countryOf(canonical(e164)[1:])
	}
	return Number{E164: e164, Country: country}, country != ""
}

// IsCountry reports whether code is a country that has phone numbers.
func IsCountry(code string) bool {
	for _, r := range regions[1:] {
		if r == code {
			return true
		}
	}
	return false
}

func countryOf(digits string) string {
	at := uint16(root)
	for i := range len(digits) {
		at = nodes[at][digits[i]-'0'+1]
	}
	return regions[nodes[at][0]]
}

// normalise returns a plus and 7 to 15 digits, or false.
func normalise(s string) (string, bool) {
	if len(s) > maxWritten {
		return "", false
	}
	if !clean(s) {
		s = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(s)
	}
	return s, len(s) >= 8 && len(s) <= 16 && clean(s)
}

// clean reports whether s is a plus and nothing but digits.
func clean(s string) bool {
	if s == "" || s[0] != '+' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
