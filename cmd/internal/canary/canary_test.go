package canary

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	text  = "k7dw02mzq4xv81bnpl6tr3ysh5ugj9ce"
	phone = "+4915198765432"
)

// byByte writes every byte of a text in one way.
func byByte(format, s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// forms are the ways in which a careless program could leave a text.
func forms(s string) map[string]string {
	all := map[string]string{
		"raw": s, "upper case": strings.ToUpper(s), "hex": hex.EncodeToString([]byte(s)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(s))),
		"url": byByte("%%%02x", s), "URL": byByte("%%%02X", s), "query": "q=" + url.QueryEscape("é "+s), "json": byByte(`\u%04x`, s), "JSON": byByte(`\u%04X`, s),
		"go": byByte(`\x%02x`, s), "ascii": strconv.QuoteToASCII(s),
	}
	for shift := range 3 {
		padded := strings.Repeat("\xfe", shift) + s + "\xff"
		all[fmt.Sprint("base64 ", shift)] = base64.StdEncoding.EncodeToString([]byte(padded))
		all[fmt.Sprint("raw base64 ", shift)] = base64.RawStdEncoding.EncodeToString([]byte(padded))
		all[fmt.Sprint("url base64 ", shift)] = base64.URLEncoding.EncodeToString([]byte(padded))
	}
	return all
}

// Goal: the scan finds a canary in every form, and eight bytes of one. Method: plant the whole, its beginning, its middle
// and its end in each form amid other bytes; then what is no canary, which must not be found.
func TestEveryFormOfACanaryIsFound(t *testing.T) {
	const special = "Zoë?>~ÿÿþ?>>~~~?" // whose base64 has characters that the alphabets differ in
	s := New()
	s.Add("text", text)
	s.Add("special", special)
	for at := range len(text) - least + 1 {
		for form, b := range forms(text[at : at+least]) {
			if got := s.In([]byte("\x00{\"" + b + "\"}\xff")); !slices.Equal(got, []string{"text"}) {
				t.Errorf("%s of %s: %v", form, text[at:at+least], got)
			}
		}
	}
	for form, b := range forms(special) {
		onlyASCII := strings.Contains("upper case json JSON", form) // of other characters these make something else
		if got := s.In([]byte(b)); !onlyASCII && !slices.Contains(got, "special") {
			t.Errorf("%s of the special one: %v", form, got)
		}
	}
	for form, b := range forms(text[5:12] + "AAAA" + text[20:27]) {
		if got := s.In([]byte(b)); len(got) > 0 {
			t.Errorf("%s of seven bytes is found: %v", form, got)
		}
	}
}

// Goal: a number is found however it is written, and is not met in other numbers. Method: as for texts.
func TestEveryFormOfAPhoneNumberIsFound(t *testing.T) {
	s := New()
	s.Phone(phone)
	digits := phone[1:]
	all := forms(digits)
	for _, written := range []string{phone, "0151 9876 5432", "+49 (151) 98765-432", "0151/987.654.32"} {
		all["written "+written] = written
	}
	for form, b := range all {
		if got := s.In([]byte(`to: "` + b + `"`)); !slices.Contains(got, "phone") {
			t.Errorf("%s: %v", form, got)
		}
	}
	for _, other := range []string{"+4915198765433", "151 9876, 5432", "1519876543", "2026-11-26T06:04:30.151987654Z"} {
		if got := s.In([]byte(other)); len(got) > 0 {
			t.Errorf("%q: %v", other, got)
		}
	}
}

// Goal: exact bytes are found as they are and only whole. Method: a random-looking seed.
func TestExactBytesAreFoundWhole(t *testing.T) {
	s, seed := New(), []byte("\x01\x80\xfe\x00seed-of-a-bucket")
	s.Exactly("seed", seed)
	if got := s.In(slices.Concat([]byte("before"), seed, []byte("after"))); !slices.Equal(got, []string{"seed"}) {
		t.Errorf("the seed: %v", got)
	}
	if got := s.In(seed[:len(seed)-1]); len(got) > 0 {
		t.Errorf("a part of it: %v", got)
	}
}

// Goal: no place of a folder is left out. Method: plant in files with all sorts of names, at depth, in a name; indexes and
// other prefixes apart.
func TestFilesOfEveryKindAreScanned(t *testing.T) {
	s, dir := New(), t.TempDir()
	s.Add("text", text)
	places := []string{
		"wa.x-0/00000000000000000000.log", "wa.x-0/00000000000000000000.log.deleted", "wa.x-0/00000000000000000007.snapshot",
		"wa.x-0.c5f0-delete/00000000000000000000.log", "wa.x-1.c5f0-stray/0.log", "wa.meta.properties", "wa.core.4711", "wa.a/b/c/.hidden",
	}
	for _, place := range append(places, "other/0.log", "wa.x-0/00000000000000000000.timeindex") {
		write(t, filepath.Join(dir, place), []byte("..."+text+"..."))
	}
	write(t, filepath.Join(dir, "wa.named-"+text, "empty"), nil)
	found, err := s.Files(dir, "wa.")
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range append(places, "wa.named-"+text) {
		if !slices.Equal(found.Hits[place], []string{"text"}) {
			t.Errorf("%s: %v", place, found.Hits[place])
		}
	}
	if len(found.Hits) != len(places)+1 || found.Files != len(places)+1 {
		t.Errorf("%d hits in %d files: %v", len(found.Hits), found.Files, found.Hits)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
