package seal

import (
	"errors"
	"testing"
)

func TestAnAnswerOpensForItsAskerAndControlOnly(t *testing.T) {
	// Goal: only the asker, for this control and in this order, reads the answer. Method: one answer, opened rightly and
	// in each wrong way.
	asker, err := NewAsker()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewAsker()
	if err != nil {
		t.Fatal(err)
	}
	encapsulated, c, err := SealTo(asker.PublicKey(), "control-1", []byte("content"), []byte("diagnostics"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := asker.Open("control-1", encapsulated, c...)
	if err != nil || len(got) != 2 || string(got[0]) != "content" || string(got[1]) != "diagnostics" {
		t.Fatalf("opened %q, %v", got, err)
	}
	for name, try := range map[string]func() ([][]byte, error){
		"other asker":   func() ([][]byte, error) { return other.Open("control-1", encapsulated, c...) },
		"other control": func() ([][]byte, error) { return asker.Open("control-2", encapsulated, c...) },
		"other order":   func() ([][]byte, error) { return asker.Open("control-1", encapsulated, c[1], c[0]) },
		"second alone":  func() ([][]byte, error) { return asker.Open("control-1", encapsulated, c[1]) },
		"no key":        func() ([][]byte, error) { return asker.Open("control-1", nil, c...) },
		"damaged":       func() ([][]byte, error) { return asker.Open("control-1", encapsulated, c[0][1:]) },
	} {
		if _, err := try(); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v; want %v", name, err, ErrAnswer)
		}
	}
}

func TestABadPublicKeyIsRefused(t *testing.T) {
	// Goal: nothing is sealed to what is no key, the point of low order among them. Method: a table.
	for name, key := range map[string][]byte{"none": nil, "short": make([]byte, 31), "long": make([]byte, 33), "low order": make([]byte, 32)} {
		if _, _, err := SealTo(key, "control-1", []byte("content")); !errors.Is(err, ErrPublicKey) {
			t.Errorf("%s: %v; want %v", name, err, ErrPublicKey)
		}
	}
}
