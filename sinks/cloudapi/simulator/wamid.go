package simulator

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// waID is WhatsApp's own id for a number given as digits: it may differ from the number asked for. Mexican mobiles get
// 521, Brazilian ones of area codes from 31 on lose the ninth digit.
func waID(digits string) string {
	switch {
	case strings.HasPrefix(digits, "52") && len(digits) == 12:
		return "521" + digits[2:]
	case strings.HasPrefix(digits, "55") && len(digits) == 13 && digits[4] == '9' && digits[2:4] >= "31":
		return digits[:4] + digits[5:]
	}
	return digits
}

// wamid has the form of Meta's: base64 that contains the recipient's number, and a random-looking tail, here made of the
// send's dice and the count of sends of its message.
func wamid(recipient string, d dice, nth int) string {
	tail := fmt.Sprintf("%016X%02X", mix(d.seed^mix(d.send)^uint64(nth)), nth%256)
	b := append([]byte{0x1c, 0x18, byte(len(recipient))}, recipient...)
	b = append(b, 0x15, 0x02, 0x00, 0x11, 0x18, 0x12)
	b = append(append(b, tail...), 0x00)
	return "wamid." + base64.StdEncoding.EncodeToString(b)
}
