package simulator

import (
	"encoding/json"
	"unicode/utf16"
)

// object is a decoded JSON object; numbers are json.Number.
type object map[string]any

func asObject(v any) object {
	m, _ := v.(map[string]any)
	return m
}

// text is a field of type string, "" if it is anything else.
func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

// scalar is a field of type string or number: Meta's samples write some as either.
func (o object) scalar(name string) string {
	if n, ok := o[name].(json.Number); ok {
		return n.String()
	}
	return o.text(name)
}

func (o object) object(name string) object { return asObject(o[name]) }

func (o object) list(name string) []any {
	l, _ := o[name].([]any)
	return l
}

// units counts UTF-16 units, the stricter reading of Meta's "characters".
func units(s string) int { return len(utf16.Encode([]rune(s))) }

func invalid(reason, details string) *refusal {
	return &refusal{code: 100, reason: reason, details: details}
}

func missing(field string) *refusal {
	return &refusal{code: 131008, reason: "missing " + field, details: "required parameter " + field + " is missing"}
}

func badValue(field, details string) *refusal {
	return &refusal{code: 131009, reason: field, details: field + ": " + details}
}

// length holds a required text to its limit; limit 0 holds no limit.
func length(field, s string, limit int) *refusal {
	if s == "" {
		return missing(field)
	}
	return atMost(field, s, limit)
}

// atMost holds an optional text to its limit.
func atMost(field, s string, limit int) *refusal {
	if limit > 0 && units(s) > limit {
		return invalid(field+" length", field+" is too long")
	}
	return nil
}

// first is the first refusal of several checks.
func first(checks ...*refusal) *refusal {
	for _, f := range checks {
		if f != nil {
			return f
		}
	}
	return nil
}
