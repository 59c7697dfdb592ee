// Package canary finds strings that must not be found, in whatever form a careless program leaves them: as they are, in
// capitals, hex, base64 (standard and URL alphabet, at the three alignments), behind URL and JSON escapes, a number's
// digits with separators between; eight bytes of one are enough. It is for the demo and for tests: it scans bytes, files,
// and what ClickHouse's parts hold when they are decompressed.
package canary

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// least is how many bytes of a canary tell it: privacy.md §4.
	least = 8
	// phoneDigits tell a number: shorter runs are met by chance in times and counts.
	phoneDigits = 10
	phoneSpan   = 10_000_000_000
)

// Set is the canaries to look for. One pass over the data finds all. Adding is not safe beside anything else.
type Set struct {
	windows map[uint64][]window // by their first 8 bytes
	filter  [1 << 16]uint64     // a bit for each of those
	phones  map[uint64]bool     // last digits of numbers
}

// window is a part of a form, at least 8 bytes of it, that tells a canary.
type window struct{ name, form string }

// New returns a set without canaries.
func New() *Set { return &Set{windows: map[uint64][]window{}, phones: map[uint64]bool{}} }

// Add looks for a text of at least 8 bytes, in every form, under a name.
func (s *Set) Add(name, text string) {
	texts := []string{text}
	for _, other := range []string{strings.ToUpper(text), strings.ToLower(text)} {
		if !slices.Contains(texts, other) {
			texts = append(texts, other)
		}
	}
	for _, t := range texts {
		s.slide(name, t, least, 1)
	}
	s.encoded(name, text, least)
}

// Phone looks for a number: its last ten digits, with separators or without, and these in hex and base64.
func (s *Set) Phone(number string) {
	digits := strings.TrimPrefix(number, "+")
	digits = digits[max(0, len(digits)-phoneDigits):]
	last := uint64(0)
	for i := range len(digits) {
		last = last*10 + uint64(digits[i]-'0')
	}
	s.phones[last] = true
	s.encoded("phone", digits, min(phoneDigits, len(digits)))
}

// Exactly looks for these bytes, at least 8, in no other form.
func (s *Set) Exactly(name string, b []byte) { s.slide(name, string(b), len(b), 1) }

// encoded adds hex and base64. The first and last characters of base64 depend on the neighbours and are in no window.
func (s *Set) encoded(name, text string, n int) {
	h := hex.EncodeToString([]byte(text))
	s.slide(name, h, 2*n, 2)
	s.slide(name, strings.ToUpper(h), 2*n, 2)
	for shift := range 3 {
		e := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), text...))
		e = e[(8*shift+5)/6:]
		if rest := (shift + len(text)) % 3; rest > 0 {
			e = e[:len(e)-1]
		}
		whole := (8*n - 4) / 6 // characters that n bytes settle at any alignment
		s.slide(name, e, whole, 1)
		if u := strings.NewReplacer("+", "-", "/", "_").Replace(e); u != e {
			s.slide(name, u, whole, 1)
		}
	}
}

// slide adds the windows of n bytes of a form, from every multiple of step on.
func (s *Set) slide(name, form string, n, step int) {
	for at := 0; at+n <= len(form); at += step {
		w := window{name, form[at : at+n]}
		head := binary.LittleEndian.Uint64([]byte(w.form))
		if !slices.Contains(s.windows[head], w) {
			s.windows[head] = append(s.windows[head], w)
		}
		at, bit := slot(head)
		s.filter[at] |= bit
	}
}

func slot(head uint64) (at int, bit uint64) {
	h := head * 0x9e3779b97f4a7c15 >> 42
	return int(h >> 6), 1 << (h & 63)
}

// In names what stands in b, each name once.
func (s *Set) In(b []byte) (found []string) {
	found = s.digits(b, s.scan(b, nil))
	if plain := unescaped(b); plain != nil {
		found = s.digits(plain, s.scan(plain, found))
	}
	return found
}

func (s *Set) scan(b []byte, found []string) []string {
	for i := 0; i+8 <= len(b); i++ {
		head := binary.LittleEndian.Uint64(b[i:])
		if at, bit := slot(head); s.filter[at]&bit == 0 {
			continue
		}
		for _, w := range s.windows[head] {
			if i+len(w.form) <= len(b) && string(b[i:i+len(w.form)]) == w.form && !slices.Contains(found, w.name) {
				found = append(found, w.name)
			}
		}
	}
	return found
}

// digits looks for numbers in runs of digits, in which single separators count for nothing.
func (s *Set) digits(b []byte, found []string) []string {
	run, last, gap := 0, uint64(0), 0
	for _, x := range b {
		switch {
		case x >= '0' && x <= '9':
			run, last, gap = run+1, (last*10+uint64(x-'0'))%phoneSpan, 0
			if run >= phoneDigits && s.phones[last] && !slices.Contains(found, "phone") {
				found = append(found, "phone")
			}
		case strings.IndexByte(" -.()/", x) >= 0 && gap < 2:
			gap++
		default:
			run = 0
		}
	}
	return found
}

// escapes are the ways to write a character by its code, and the hexadecimal digits that follow.
var escapes = []struct {
	mark   string
	digits int
}{{`\u`, 4}, {`\x`, 2}, {"%", 2}}

// unescaped is b with \uXXXX, \xXX and %XX taken back, nil where there are none.
func unescaped(b []byte) []byte {
	if !slices.Contains(b, '\\') && !slices.Contains(b, '%') {
		return nil
	}
	plain := make([]byte, 0, len(b))
next:
	for i := 0; i < len(b); i++ {
		for _, e := range escapes {
			n := len(e.mark) + e.digits
			if b[i] != e.mark[0] || i+n > len(b) || string(b[i:i+len(e.mark)]) != e.mark {
				continue
			}
			code, err := strconv.ParseUint(string(b[i+len(e.mark):i+n]), 16, 16)
			if err != nil {
				continue
			}
			if i += n - 1; e.digits == 2 {
				plain = append(plain, byte(code))
			} else {
				plain = utf8.AppendRune(plain, rune(code))
			}
			continue next
		}
		plain = append(plain, b[i])
	}
	return plain
}
