package listen

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// TestKnownSignaturesVerify: goal: the signature is Meta's, over the exact bytes. Method: RFC 4231 case 2, and a body
// with an escape whose signature was made by two other implementations.
func TestKnownSignaturesVerify(t *testing.T) {
	for _, c := range []struct{ secret, body, signature string }{
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{
			"app-secret-for-tests",
			`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","messages":[{"text":{"body":"caf\u00e9"}}]}}]}]}`,
			"fe2a898309790aac973a3c21f31b8cadc0fbf1007dec55586f6b751f42061e15",
		},
	} {
		secrets := [][]byte{[]byte(c.secret)}
		if !Verify(secrets, []byte(c.body), "sha256="+c.signature) {
			t.Errorf("%s: a genuine body was refused", c.secret)
		}
		if !Verify(secrets, []byte(c.body), "sha256="+strings.ToUpper(c.signature)) {
			t.Errorf("%s: the case of the hex mattered", c.secret)
		}
		reserialised := strings.Replace(c.body, `\u00e9`, "é", 1) + " "
		if Verify(secrets, []byte(reserialised), "sha256="+c.signature) {
			t.Errorf("%s: a changed body passed", c.secret)
		}
	}
}

// TestForgedCallbacksAreRefused: goal: only a holder of one of the secrets passes, and nobody while there is none.
// Method: one thing wrong at a time.
func TestForgedCallbacksAreRefused(t *testing.T) {
	body := []byte(`{"object":"whatsapp_business_account"}`)
	sign := func(secret string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		return hex.EncodeToString(mac.Sum(nil))
	}
	rotating := [][]byte{[]byte("new"), []byte("old")}
	for name, c := range map[string]struct {
		secrets [][]byte
		header  string
		want    bool
	}{
		"new secret":       {rotating, "sha256=" + sign("new"), true},
		"old secret":       {rotating, "sha256=" + sign("old"), true},
		"other secret":     {rotating, "sha256=" + sign("other"), false},
		"no secret":        {nil, "sha256=" + sign(""), false},
		"empty secret":     {[][]byte{{}}, "sha256=" + sign(""), false},
		"no header":        {rotating, "", false},
		"no prefix":        {rotating, sign("new"), false},
		"SHA-1":            {rotating, "sha1=" + sign("new"), false},
		"cut":              {rotating, "sha256=" + sign("new")[:62], false},
		"prolonged":        {rotating, "sha256=" + sign("new") + "00", false},
		"not hex":          {rotating, "sha256=" + strings.Repeat("zz", 32), false},
		"one bit is wrong": {rotating, "sha256=" + flip(sign("new")), false},
	} {
		if got := Verify(c.secrets, body, c.header); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func flip(signature string) string {
	b, _ := hex.DecodeString(signature)
	b = bytes.Clone(b)
	b[31] ^= 1
	return hex.EncodeToString(b)
}

// TestOnlyTheTokenGetsTheChallengeBack: goal: a stranger cannot subscribe. Method: one thing wrong at a time.
func TestOnlyTheTokenGetsTheChallengeBack(t *testing.T) {
	query := func(mode, token, challenge string) map[string][]string {
		return map[string][]string{"hub.mode": {mode}, "hub.verify_token": {token}, "hub.challenge": {challenge}}
	}
	for name, c := range map[string]struct {
		query map[string][]string
		token string
		want  string
	}{
		"right":            {query("subscribe", "tok", "1158201444"), "tok", "1158201444"},
		"wrong token":      {query("subscribe", "tokk", "1"), "tok", ""},
		"wrong mode":       {query("unsubscribe", "tok", "1"), "tok", ""},
		"no token set":     {query("subscribe", "", "1"), "", ""},
		"no challenge":     {query("subscribe", "tok", ""), "tok", ""},
		"longest":          {query("subscribe", "tok", strings.Repeat("1", 256)), "tok", strings.Repeat("1", 256)},
		"too long":         {query("subscribe", "tok", strings.Repeat("1", 257)), "tok", ""},
		"no query":         {nil, "tok", ""},
		"key without list": {map[string][]string{"hub.mode": {}}, "tok", ""},
	} {
		got, ok := Challenge(c.query, c.token)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q %v", name, got, ok)
		}
	}
}
