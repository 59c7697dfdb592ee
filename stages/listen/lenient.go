package listen

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// text reads a JSON string or number; anything else is "". Meta writes ids and times now as one, now as the other.
type text string

// UnmarshalJSON never fails: a part that cannot be read is a missing part.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch {
	case len(b) == 0:
	case b[0] == '"' && bytes.IndexByte(b, '\\') < 0: // the common case, a tenth of the cost
		*t = text(bytes.ToValidUTF8(b[1:len(b)-1], []byte("\uFFFD")))
	case b[0] == '"':
		var s string
		if json.Unmarshal(b, &s) == nil {
			*t = text(s)
		}
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = text(b)
	}
	return nil
}

// number reads a JSON number or a string of one; anything else is 0. Fractions are cut off.
type number int64

// UnmarshalJSON never fails: a part that cannot be read is a missing part.
func (n *number) UnmarshalJSON(b []byte) error {
	var t text
	_ = t.UnmarshalJSON(b)
	*n = 0
	if i, err := strconv.ParseInt(string(t), 10, 64); err == nil {
		*n = number(i)
	} else if f, err := strconv.ParseFloat(string(t), 64); err == nil && math.Abs(f) < math.MaxInt64 {
		*n = number(f)
	}
	return nil
}

// flag reads a JSON boolean or a string of one; anything else is nil.
type flag struct{ value *bool }

// UnmarshalJSON never fails: a part that cannot be read is a missing part.
func (f *flag) UnmarshalJSON(b []byte) error {
	f.value = nil
	s := string(b)
	if unquoted, err := strconv.Unquote(s); err == nil {
		s = unquoted
	}
	if s == "true" || s == "false" {
		v := s == "true"
		f.value = &v
	}
	return nil
}

// nesting returns how deep brackets nest in a JSON text, without parsing it.
func nesting(body []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
