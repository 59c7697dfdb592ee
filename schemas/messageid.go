package schemas

// WellFormedMessageID reports whether id is a ULID (26 characters of Crockford's base 32, either case) or a UUID (36
// characters, canonical, either case). Nothing else may stand where a message id stands in clear: people put phone
// numbers in ids.
func WellFormedMessageID(id string) bool {
	switch len(id) {
	case 26:
		if id[0] > '7' { // the largest ULID is 7ZZZ…
			return false
		}
		for i := range len(id) {
			if !crockford(id[i]) {
				return false
			}
		}
		return true
	case 36:
		for i := range len(id) {
			hyphen := i == 8 || i == 13 || i == 18 || i == 23
			if hyphen != (id[i] == '-') || (!hyphen && !hexDigit(id[i])) {
				return false
			}
		}
		return true
	}
	return false
}

func crockford(c byte) bool {
	switch c {
	case 'I', 'i', 'L', 'l', 'O', 'o', 'U', 'u':
		return false
	}
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}
