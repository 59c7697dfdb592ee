package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"

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

// phone returns a number of its own, and looks for it.
func (c *canaries) phone() string {
	number := fmt.Sprintf("+49151%08d", numbers.Add(1)*61_803_399%100_000_000)
	c.n++
	c.Phone(number)
	return number
}

// numbers counts those of all cases, so that no two have one: they share a broker, and find what is another's in its plaintext.
var numbers = func() *atomic.Uint64 {
	n := new(atomic.Uint64)
	n.Store(rand.Uint64N(100_000_000))
	return n
}()
