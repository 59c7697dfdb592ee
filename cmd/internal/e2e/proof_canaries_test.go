package e2e

import (
	"math/rand/v2"

	canaryset "github.com/whatsapplink/cloud/cmd/internal/canary"
)

// canaries are random strings that must not be found.
type canaries struct {
	*canaryset.Set
	n int
}

func newCanaries() *canaries { return &canaries{Set: canaryset.New()} }

// plant returns a random string of letters and digits, and looks for it from now on.
func (c *canaries) plant(length int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, length)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	b[0] = letters[rand.IntN(26)] // names begin with a letter
	c.n++
	c.Add("canary", string(b))
	return string(b)
}

// phone returns a random number, and looks for it.
func (c *canaries) phone() string {
	digits := []byte("+49151")
	for range 8 {
		digits = append(digits, byte('0'+rand.IntN(10)))
	}
	c.n++
	c.Phone(string(digits))
	return string(digits)
}
