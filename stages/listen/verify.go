package listen

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// Verify reports whether body was signed with one of the app secrets (two while rotating). header is the value of
// X-Hub-Signature-256: sha256= and the hex of HMAC-SHA256 over the exact bytes received. It takes constant time in the
// secrets and the signature; without a secret nothing is genuine.
func Verify(appSecrets [][]byte, body []byte, header string) bool {
	given, ok := strings.CutPrefix(header, "sha256=")
	if !ok || len(given) != 2*sha256.Size {
		return false
	}
	signature, err := hex.DecodeString(given)
	if err != nil {
		return false
	}
	genuine := false
	for _, secret := range appSecrets {
		if len(secret) == 0 {
			continue
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), signature) {
			genuine = true
		}
	}
	return genuine
}

// maxChallenge bounds what is echoed to a stranger who knows the token; Meta's challenges are short numbers.
const maxChallenge = 256

// Challenge answers Meta's verification request (GET): the challenge to echo as the raw body, text/plain, with 200; ok is
// false when mode or token are wrong, for which any 4xx will do. query is the parsed query of the URL.
func Challenge(query map[string][]string, verifyToken string) (challenge string, ok bool) {
	first := func(key string) string {
		if values := query[key]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	challenge = first("hub.challenge")
	given := []byte(first("hub.verify_token"))
	if verifyToken == "" || subtle.ConstantTimeCompare(given, []byte(verifyToken)) != 1 ||
		first("hub.mode") != "subscribe" || challenge == "" || len(challenge) > maxChallenge {
		return "", false
	}
	return challenge, true
}
