package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ErrPublicKey says that an asker's public key is no X25519 key: the control's fault.
var ErrPublicKey = errors.New("asker's public key is not an X25519 key")

// ErrAnswer says that an answer was not sealed to this asker and control.
var ErrAnswer = errors.New("answer does not authenticate")

// The HPKE suite (RFC 9180, base mode): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
func suite() (hpke.KEM, hpke.KDF, hpke.AEAD) {
	return hpke.DHKEM(ecdh.X25519()), hpke.HKDFSHA256(), hpke.AES256GCM()
}

// answerInfo binds an answer to its control.
func answerInfo(controlID string) []byte {
	return appendSized([]byte("whatsapplink answer v1"), controlID)
}

// Asker has an ephemeral key pair, to which one answer is sealed. It prints as [redacted].
type Asker struct{ key hpke.PrivateKey }

// NewAsker makes the key pair.
func NewAsker() (*Asker, error) {
	kem, _, _ := suite()
	key, err := kem.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("generate an asker's key: %w", err)
	}
	return &Asker{key: key}, nil
}

// PublicKey returns the 32 bytes that go into schemas.Control.PublicKey.
func (a *Asker) PublicKey() []byte { return a.key.PublicKey().Bytes() }

// SealTo seals plaintexts, as messages of one HPKE context, to the asker who put publicKey into the control. Errors:
// ErrPublicKey.
func SealTo(publicKey []byte, controlID string, plaintexts ...[]byte) (encapsulated []byte, ciphertexts [][]byte, err error) {
	kem, kdf, aead := suite()
	key, err := kem.NewPublicKey(publicKey)
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	encapsulated, sender, err := hpke.NewSender(key, kdf, aead, answerInfo(controlID))
	if err != nil {
		return nil, nil, ErrPublicKey
	}
	for _, p := range plaintexts {
		c, err := sender.Seal(nil, p)
		if err != nil {
			return nil, nil, fmt.Errorf("seal an answer: %w", err)
		}
		ciphertexts = append(ciphertexts, c)
	}
	return encapsulated, ciphertexts, nil
}

// Open opens all ciphertexts of an answer, in the order in which they were sealed. Errors: ErrAnswer.
func (a *Asker) Open(controlID string, encapsulated []byte, ciphertexts ...[]byte) ([][]byte, error) {
	_, kdf, aead := suite()
	recipient, err := hpke.NewRecipient(encapsulated, a.key, kdf, aead, answerInfo(controlID))
	if err != nil {
		return nil, ErrAnswer
	}
	plaintexts := make([][]byte, 0, len(ciphertexts))
	for _, c := range ciphertexts {
		p, err := recipient.Open(nil, c)
		if err != nil {
			return nil, ErrAnswer
		}
		plaintexts = append(plaintexts, p)
	}
	return plaintexts, nil
}

// Format prints [redacted] for every verb.
func (*Asker) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// LogValue logs [redacted].
func (*Asker) LogValue() slog.Value { return slog.StringValue("[redacted]") }
