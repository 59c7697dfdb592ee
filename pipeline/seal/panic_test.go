package seal

import (
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/schemas"
)

func TestAPanicsTraceHoldsNoKey(t *testing.T) {
	// Goal: what the runtime prints of a panic while sealing or opening holds no byte of a key: it prints arguments, and of
	// an array its first ten bytes. Method: a panic of the cipher's, and its trace.
	var key [keyBytes]byte
	for i := range key {
		key[i] = byte(0xa1 + i)
	}
	var trace string
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the cipher took a nonce of no length")
			}
			trace = string(debug.Stack())
		}()
		_, _ = decrypt(&key, nil, schemas.Sealed{Ciphertext: make([]byte, tagBytes)})
	}()
	if !strings.Contains(trace, "seal.decrypt(") {
		t.Fatal("the frame under test is not in the trace")
	}
	if spelt := fmt.Sprintf("%#x, %#x", key[0], key[1]); strings.Contains(trace, spelt) {
		t.Error("the trace holds the key")
	}
}
