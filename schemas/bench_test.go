package schemas

import (
	"strings"
	"testing"
)

// benchRequest is a MessageRequest of about 450 bytes.
func benchRequest() MessageRequest {
	r := exampleRequest(Text{Body: strings.Repeat("Grüße aus Berlin. ", 14)})
	r.Labels = map[string]string{"campaign": "autumn", "team": "north"}
	return r
}

func benchmarkDecode[T any](b *testing.B, c *Codec[T], v T) {
	encoded, err := c.Encode(&v)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkEncode[T any](b *testing.B, c *Codec[T], v T) {
	buffer, err := c.Encode(&v)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(buffer)))
	b.ReportAllocs()
	for b.Loop() {
		if buffer, err = c.Append(buffer[:0], &v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeMessageRequest(b *testing.B) { benchmarkDecode(b, MessageRequests, benchRequest()) }
func BenchmarkEncodeMessageRequest(b *testing.B) { benchmarkEncode(b, MessageRequests, benchRequest()) }
func BenchmarkDecodeValidated(b *testing.B)      { benchmarkDecode(b, Validateds, exampleValidated()) }
func BenchmarkEncodeValidated(b *testing.B)      { benchmarkEncode(b, Validateds, exampleValidated()) }
func BenchmarkDecodeEvent(b *testing.B)          { benchmarkDecode(b, Events, exampleEvent()) }
func BenchmarkEncodeEvent(b *testing.B)          { benchmarkEncode(b, Events, exampleEvent()) }
