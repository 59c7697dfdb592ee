package schemas

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// header is the prefix of a codec's newest schema.
func header[T any](c *Codec[T]) []byte {
	return binary.LittleEndian.AppendUint64([]byte{0xC3, 0x01}, c.Fingerprint())
}

// long and text append Avro's encodings; body chains them.
func long(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

func text(b []byte, s string) []byte { return append(long(b, int64(len(s))), s...) }

// requestPrefix is a MessageRequest up to its content: header, ids, recipient, category.
func requestPrefix() []byte {
	b := text(text(header(MessageRequests), "01KB0000000000000000000000"), "acme")
	b = long(b, 0)                         // sender_id null
	b = text(long(b, 1), "+4915112345678") // recipient.phone
	return long(long(b, 0), 1)             // recipient.user_id null, category utility
}

// requestSuffix is a MessageRequest from its reply_to on.
func requestSuffix(b []byte, createdAt int64) []byte {
	b = long(long(b, 0), createdAt)     // reply_to null, created_at
	return long(long(long(b, 0), 0), 0) // expires_at null, diagnostic_window null, no labels
}

// reasonOf returns the reason of a DecodeError, or fails.
func reasonOf(t testing.TB, err error) string {
	t.Helper()
	var d *DecodeError
	if !errors.As(err, &d) {
		t.Fatalf("got error %v, want a DecodeError", err)
	}
	if !slices.Contains(DecodeReasons, d.Reason) || d.Error() != d.Reason {
		t.Fatalf("error %q has reason %q, not of the list", d, d.Reason)
	}
	return d.Reason
}

// Bytes that are no request get the reason that says why.
func TestBadBytes(t *testing.T) {
	// Goal: a producer learns what is wrong, from the closed list. Method: hand-made bytes, one mistake each; the same
	// bytes without the mistake decode.
	good := func() []byte { return requestSuffix(long(text(long(requestPrefix(), 0), "hi"), 0), 1764146415000) }
	if _, err := MessageRequests.Decode(good()); err != nil {
		t.Fatalf("the hand-made request does not decode: %v", err)
	}
	textBody := func(b []byte) []byte { return append(long(requestPrefix(), 0), b...) }
	wrong := good()
	wrong[5] ^= 1
	event := subjects()[slices.IndexFunc(subjects(), func(s subject) bool { return s.name == "event" })]
	eventBytes, _ := event.encode()
	contacts := func(b []byte) []byte { return append(long(requestPrefix(), 3), b...) }

	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"nil":                       {nil, ReasonEmpty},
		"no bytes":                  {[]byte{}, ReasonEmpty},
		"one byte":                  {[]byte{0xC3}, ReasonUnknownEncoding},
		"random":                    {[]byte("\x17 is no record at all"), ReasonUnknownEncoding},
		"JSON":                      {[]byte(`{"message_id":"1"}`), ReasonUnknownEncoding},
		"Confluent, no registry":    {[]byte{0, 0, 0, 0, 1, 2}, ReasonUnknownEncoding},
		"wrong version byte":        {[]byte{0xC3, 0x02, 1, 2, 3, 4, 5, 6, 7, 8}, ReasonUnknownEncoding},
		"prefix only":               {[]byte{0xC3, 0x01, 1, 2, 3}, ReasonUndecodable},
		"wrong fingerprint":         {wrong, ReasonUnknownSchema},
		"another record":            {eventBytes, ReasonUnknownSchema},
		"header only":               {header(MessageRequests), ReasonUndecodable},
		"trailing byte":             {append(good(), 0), ReasonUndecodable},
		"2 MB":                      {append(good(), make([]byte, 2<<20)...), ReasonTooLarge},
		"one byte too large":        {append(header(MessageRequests), make([]byte, MaxValue-9)...), ReasonTooLarge},
		"bad branch":                {requestSuffix(long(requestPrefix(), 8), 1), ReasonUndecodable},
		"negative branch":           {requestSuffix(long(requestPrefix(), -1), 1), ReasonUndecodable},
		"bad boolean":               {requestSuffix(textBody(append(text(nil, "hi"), 2)), 1), ReasonUndecodable},
		"unknown enum symbol":       {requestSuffix(long(text(long(append(requestPrefix()[:len(requestPrefix())-1], 8), 0), "hi"), 0), 1), ReasonUndecodable},
		"invalid UTF-8":             {requestSuffix(textBody(long(text(nil, "h\xff"), 0)), 1), ReasonInvalidUTF8},
		"surrogate in UTF-8":        {requestSuffix(textBody(long(text(nil, "\xed\xa0\x80"), 0)), 1), ReasonInvalidUTF8},
		"negative length":           {textBody(long(nil, -5)), ReasonUndecodable},
		"huge length":               {textBody(long(nil, 1<<62)), ReasonUndecodable},
		"endless varint":            {textBody(bytes.Repeat([]byte{0x80}, 64)), ReasonUndecodable},
		"eleven-byte varint":        {textBody(append(bytes.Repeat([]byte{0x80}, 10), 0x00)), ReasonUndecodable},
		"time before 1970":          {requestSuffix(textBody(long(text(nil, "hi"), 0)), -1), ReasonUndecodable},
		"time after 9999":           {requestSuffix(textBody(long(text(nil, "hi"), 0)), maxMillis+1), ReasonUndecodable},
		"huge block count":          {contacts(long(nil, 1<<40)), ReasonUndecodable},
		"least block count":         {contacts(long(long(nil, -1<<63), 0)), ReasonUndecodable},
		"negative block, no size":   {contacts(long(nil, -3)), ReasonUndecodable},
		"more items than bytes":     {contacts(long(nil, 1000)), ReasonUndecodable},
		"more items than parts":     {contacts(append(long(nil, maxParts+1), make([]byte, MaxValue/2)...)), ReasonUndecodable},
		"many blocks of many items": {requestSuffix(long(nineCards(mostCards/9+1), 0), 1), ReasonUndecodable},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := MessageRequests.Decode(c.bytes)
			if err == nil {
				t.Fatalf("decoded to %+v", got)
			}
			if reason := reasonOf(t, err); reason != c.want {
				t.Errorf("has reason %s, want %s", reason, c.want)
			}
		})
	}
}

// nineCards is a request with content Contacts in blocks of nine cards, up to the end of the last block.
func nineCards(blocks int) []byte {
	b := long(requestPrefix(), 3)
	for range blocks {
		b = append(long(b, 9), make([]byte, 9*emptyCard)...)
	}
	return b
}

// manyAddresses is a request with one contact card, up to its end, whose addresses consist of empty strings.
func manyAddresses(count int) []byte {
	b := append(long(requestPrefix(), 3), 2, 0, 0, 0, 0, 0, 0, 0, 0) // one card, its name, no phones, no e-mails
	b = append(long(b, int64(count)), bytes.Repeat([]byte{2, 0}, 7*count)...)
	return append(b, 0, 0, 0, 0, 0)
}

const (
	// emptyCard is the size of a card without anything: six names, three arrays, a null, an array, a null. It has five
	// parts: an item, the card and its name, each counted twice for its fields.
	emptyCard = 6 + 3 + 1 + 1 + 1
	// mostCards fit beside the seven parts of the request around them: itself, counted three times for its eleven
	// fields, its recipient, a phone, the branch of content, the contacts.
	mostCards = (maxParts - 7) / 5
	// mostAddresses, each an item, a record counted twice and seven branches, fit beside one card.
	mostAddresses = (maxParts - 7 - 5) / 10
)

// At its limits a request still decodes.
func TestAtTheLimits(t *testing.T) {
	// Goal: the limits hold back nothing they should let through. Method: the largest value, the most items, blocks
	// that tell their bytes, the first and the last time.
	fill := MaxValue - len(requestSuffix(long(text(long(requestPrefix(), 0), ""), 0), 0)) - 2 // length takes 3 bytes, not 1
	for name, b := range map[string][]byte{
		"largest":         requestSuffix(long(text(long(requestPrefix(), 0), strings.Repeat("x", fill)), 0), 0),
		"most items":      requestSuffix(long(nineCards(mostCards/9), 0), 0),
		"most branches":   requestSuffix(manyAddresses(mostAddresses), 0),
		"blocks by bytes": requestSuffix(append(append(long(long(long(requestPrefix(), 3), -2), 2*emptyCard), make([]byte, 2*emptyCard)...), 0), 0),
		"last time":       requestSuffix(long(text(long(requestPrefix(), 0), ""), 0), maxMillis),
	} {
		if len(b) > MaxValue || (name == "largest" && len(b) != MaxValue) {
			t.Fatalf("%s has %d bytes", name, len(b))
		}
		if _, err := MessageRequests.Decode(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Half a record is never a record.
func TestTruncated(t *testing.T) {
	// Goal: no prefix of a value passes for a value. Method: cut an example of every record at every length.
	for _, s := range subjects() {
		encoded, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(encoded) {
			_, err := s.decode(encoded[:cut])
			if err == nil {
				t.Fatalf("%s decodes from its first %d of %d bytes", s.name, cut, len(encoded))
			}
			reasonOf(t, err)
		}
	}
}

// A hostile record cannot take much memory.
func TestMemoryIsBounded(t *testing.T) {
	// Goal: one record of at most 1 MiB costs at most 64 MiB on its way through, whatever counts it claims. Method:
	// the dearest values there are, legal and not; count all bytes allocated.
	const limit = 64 << 20
	for name, b := range map[string][]byte{
		"most cards":        requestSuffix(long(nineCards(mostCards/9), 0), 1),
		"most addresses":    requestSuffix(manyAddresses(mostAddresses), 1),
		"too many cards":    nineCards(MaxValue / (9*emptyCard + 2)),
		"claimed cards":     long(long(requestPrefix(), 3), maxParts-10),
		"one string":        requestSuffix(long(text(long(requestPrefix(), 0), strings.Repeat("x", MaxValue-200)), 0), 1),
		"more than allowed": make([]byte, 8<<20),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := MessageRequests.Decode(b)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > limit {
			t.Errorf("%s: decoding %d bytes (error %v) allocated %d", name, len(b), err, used)
		}
	}
}

// A schema of a registry cannot make a small record take much memory either.
func TestMemoryIsBoundedForForeignSchemas(t *testing.T) {
	// Goal: fields without bytes are not free. Method: many items of a record with a thousand nulls and one int.
	var fields strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&fields, `{"name":"n%d","type":"null"},`, i)
	}
	wide := `{"type":"array","items":{"type":"record","name":"Wide","fields":[` + fields.String() + `{"name":"i","type":"int"}]}}`
	schema := strings.Replace(MessageRequests.Schema(), `{"name": "message_id"`, `{"name": "extra", "type": `+wide+`}, {"name": "message_id"`, 1)
	codec := MessageRequests.WithRegistry(registryOf(schema))
	for _, count := range []int{400, 100_000} {
		b := append(long([]byte{0, 0, 0, 0, 1}, int64(count)), make([]byte, count+1)...)
		b = append(b, requestSuffix(long(text(long(requestPrefix(), 0), "hi"), 0), 1)[10:]...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := codec.Decode(b)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 || (err == nil) != (count == 400) {
			t.Errorf("%d items: allocated %d, error %v", count, used, err)
		}
	}
}

// What is decoded shares no memory with what it was decoded from.
func TestDecodedBytesAreCopies(t *testing.T) {
	// Goal: a caller may reuse its buffer. Method: decode, overwrite the input, compare.
	want := exampleValidated()
	encoded, err := Validateds.Encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Validateds.Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	clear(encoded)
	if !bytes.Equal(got.Payload.Ciphertext, want.Payload.Ciphertext) || got.TenantID != want.TenantID {
		t.Error("the decoded record changed with its input")
	}
}

// Values that no reader would take are not written, and the error quotes nothing of them.
func TestEncodeRefuses(t *testing.T) {
	// Goal: what we write, we read; an error says where and never what. Method: one bad field each, holding a canary.
	const canary = "canary"
	mutate := func(f func(r *MessageRequest)) *MessageRequest {
		r := exampleRequest(Text{Body: canary})
		f(&r)
		return &r
	}
	for want, r := range map[string]*MessageRequest{
		"category: not a symbol":           mutate(func(r *MessageRequest) { r.Category = canary }),
		"tenant_id: not valid UTF-8":       mutate(func(r *MessageRequest) { r.TenantID = canary + "\xff" }),
		"labels: not valid UTF-8":          mutate(func(r *MessageRequest) { r.Labels = map[string]string{canary: canary + "\xff"} }),
		"content: content is not a branch": mutate(func(r *MessageRequest) { r.Content = nil }),
		"content: body: not valid UTF-8":   mutate(func(r *MessageRequest) { r.Content = Text{Body: canary + "\xff"} }),
		"created_at: time outside":         mutate(func(r *MessageRequest) { r.CreatedAt = time.Time{} }),
		"expires_at: time outside":         mutate(func(r *MessageRequest) { r.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"more than 1048576 bytes":          mutate(func(r *MessageRequest) { r.Content = Text{Body: strings.Repeat(canary, MaxValue/len(canary))} }),
	} {
		dst := []byte("kept")
		out, err := MessageRequests.Append(dst, r)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("got error %v, want %q without the value", err, want)
		}
		if !bytes.Equal(out, dst) {
			t.Errorf("%s: dst came back as %q", want, out)
		}
	}
}
