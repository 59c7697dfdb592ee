package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"

	"github.com/whatsapplink/cloud/schemas"
)

// Purpose is what a value was sealed for; opening for another purpose fails.
type Purpose string

// The purposes.
const (
	Transit       Purpose = "transit"    // on the way to Meta
	Diagnostic    Purpose = "diagnostic" // the copy kept for the diagnostic window
	RejectedInput Purpose = "rejected"   // a dead letter's original bytes
	Held          Purpose = "held"       // under a hold or grant
)

const (
	version     = 1
	nonceBytes  = 12
	tagBytes    = 16
	seedIDBytes = 16
)

// ErrCorrupt says that a sealed value is malformed or was not sealed for this tenant, message and purpose: the record's
// fault, the same at every try.
var ErrCorrupt = errors.New("sealed value does not authenticate")

// ErrVersion says that a sealed value or a seed was written by a later version of this package.
var ErrVersion = errors.New("unknown version of a sealed value or seed")

// additional is the additional data of a sealed value, into which everything that names it is bound.
func additional(tenant, message string, purpose Purpose) []byte {
	data := make([]byte, 0, 1+3*4+len(tenant)+len(message)+len(purpose))
	data = append(data, version)
	for _, s := range [...]string{tenant, message, string(purpose)} {
		data = appendSized(data, s)
	}
	return data
}

// appendSized appends s after its length, so that no two lists of strings give the same bytes.
func appendSized(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

// newGCM and its callers take the key by pointer: the trace of a panic shows what an array holds.
func newGCM(key *[keyBytes]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has 16-byte blocks
	}
	return aead
}

// encrypt returns a fresh nonce and the ciphertext with its tag.
func encrypt(key *[keyBytes]byte, data, plaintext []byte) (nonce, ciphertext []byte) {
	buf := make([]byte, nonceBytes, nonceBytes+len(plaintext)+tagBytes)
	_, _ = rand.Read(buf) // never fails: it ends the process instead
	nonce = buf[:nonceBytes:nonceBytes]
	return nonce, newGCM(key).Seal(buf[nonceBytes:], nonce, plaintext, data)
}

// decrypt returns the plaintext, or ErrCorrupt.
func decrypt(key *[keyBytes]byte, data []byte, sealed schemas.Sealed) ([]byte, error) {
	plaintext, err := newGCM(key).Open(nil, sealed.Nonce, sealed.Ciphertext, data)
	if err != nil {
		return nil, ErrCorrupt
	}
	return plaintext, nil
}

// wellFormed checks what must hold before a sealed value's seed is looked for.
func wellFormed(sealed schemas.Sealed) error {
	switch {
	case sealed.Version != version:
		return ErrVersion
	case len(sealed.SeedID) != seedIDBytes, len(sealed.Nonce) != nonceBytes, len(sealed.Ciphertext) < tagBytes:
		return ErrCorrupt
	}
	return nil
}
