package schemas

import "testing"

// FuzzDecode: no bytes make a codec panic, and what decodes can be written and read again.
func FuzzDecode(f *testing.F) {
	// Goal: bad input of any kind is a DecodeError of the list. Method: mutate examples of every record and give them
	// to every codec; a value that came out must encode and decode again.
	all := subjects()
	for _, s := range all {
		encoded, err := s.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range all[len(exampleContents())-1:] { // one subject per codec
			if _, err := s.decode(b); err != nil {
				reasonOf(t, err)
				continue
			}
			again, err := s.reencode(b)
			if err != nil {
				t.Fatalf("%s decodes and does not encode: %v", s.name, err)
			}
			if _, err := s.decode(again); err != nil {
				t.Fatalf("%s encodes and does not decode: %v", s.name, err)
			}
		}
	})
}
