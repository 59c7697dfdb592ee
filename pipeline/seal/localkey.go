package seal

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"

	"gocloud.dev/secrets/localsecrets"
)

// ErrWeakKey says that a base64key:// URL holds no 32 random bytes.
var ErrWeakKey = errors.New("local root key is weak: base64key:// takes 32 random bytes in URL-safe base64 with padding")

// publishedKey stands as the example in gocloud.dev's documentation.
const publishedKey = "smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="

// NewLocalKeyURL returns a keeper URL with a fresh random key. Whoever has the URL has the key.
func NewLocalKeyURL() string {
	var key [keyBytes]byte
	_, _ = rand.Read(key[:])
	return localsecrets.Scheme + "://" + base64.URLEncoding.EncodeToString(key[:])
}

// checkLocalKey refuses what no random generator gives: too few distinct bytes, steps of one size, one half twice,
// readable text (the likeliest by chance, once in 10^13), the published example.
func checkLocalKey(encoded string) error {
	key, err := localsecrets.Base64Key(encoded)
	if err != nil || encoded == publishedKey {
		return ErrWeakKey
	}
	distinct := make(map[byte]bool)
	even, text := true, true
	for i, b := range key {
		distinct[b] = true
		even = even && (i == 0 || b-key[i-1] == key[1]-key[0])
		text = text && b >= ' ' && b <= '~'
	}
	if len(distinct) <= 12 || even || text || slices.Equal(key[:keyBytes/2], key[keyBytes/2:]) {
		return ErrWeakKey
	}
	return nil
}
