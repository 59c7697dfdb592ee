package phone

import "strings"

// Aliases returns the spellings under which the account of an E.164 number may be known, the canonical one first, the
// others sorted. All spellings of one account have the same aliases. They serve matching only (refs, suppressions, pair
// limits): what is sent is the number as requested, because another spelling can be a stranger's landline.
//
//   - Brazil: accounts older than the ninth digit keep an id without it.
//   - Mexico: WhatsApp's ids often hold a 1 after the 52.
//   - Argentina: mobiles hold a 9 after the 54, which many leave out.
func Aliases(e164 string) []string {
	c := canonical(e164)
	switch {
	case isBrazilMobile(c):
		return []string{c, c[:5] + c[6:]}
	case strings.HasPrefix(c, "+52"):
		return []string{c, "+521" + c[3:]}
	case isArgentinaMobile(c):
		return []string{c, "+54" + c[4:]}
	}
	return []string{c}
}

// canonical returns the one spelling that stands for all: Brazil with the ninth digit, Mexico without the 1, Argentina
// with the 9.
func canonical(e164 string) string {
	switch {
	case strings.HasPrefix(e164, "+55") && len(e164) == 13 && e164[5] >= '6':
		return e164[:5] + "9" + e164[5:]
	case strings.HasPrefix(e164, "+521") && len(e164) == 14:
		return "+52" + e164[4:]
	case strings.HasPrefix(e164, "+54") && len(e164) == 13 && e164[3] != '9':
		return "+549" + e164[3:]
	}
	return e164
}

func isBrazilMobile(c string) bool {
	return strings.HasPrefix(c, "+55") && len(c) == 14 && c[5] == '9' && c[6] >= '6'
}

func isArgentinaMobile(c string) bool {
	return strings.HasPrefix(c, "+549") && len(c) == 14
}
