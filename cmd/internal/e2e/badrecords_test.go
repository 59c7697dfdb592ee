package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// request is a good one with the canary in its text.
func request() schemas.MessageRequest {
	r := validatetest.Good(ulid.Make().String(), recipient)
	r.CreatedAt, r.Labels = time.Now().UTC(), map[string]string{}
	r.Content = schemas.Text{Body: "Your parcel is on its way. " + canary}
	return r
}

func encoded(t *testing.T, r schemas.MessageRequest) []byte {
	t.Helper()
	value, err := schemas.MessageRequests.Encode(&r)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// of is an input of raw bytes under a key with the recipient.
func of(name, reason string, value []byte) input {
	return input{name, reason, pipeline.Output{Topic: wire.Requests, Partition: pipeline.AnyPartition, Key: []byte(recipient), Value: value}}
}

func good(t *testing.T, name string, partition int) input {
	in := of(name, "", encoded(t, request()))
	in.output.Partition = partition
	return in
}

// badBytes are values that are no request, whatever the schema.
func badBytes(t *testing.T) []input {
	value := encoded(t, request())
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	noise[0] = 0x17 // neither of the two encodings
	// The labels' block count stands last: an empty map is one zero byte.
	counts := binary.AppendVarint(slices.Clone(value[:len(value)-1]), 1<<40)
	sized := binary.AppendVarint(binary.AppendVarint(slices.Clone(value[:len(value)-1]), -(1<<40)), 1<<40)
	large := request()
	large.Content = schemas.Text{Body: canary}
	huge := append(encoded(t, large), bytes.Repeat([]byte(canary), (2<<20)/len(canary))...)
	enum := slices.Clone(value)
	at := bytes.Index(enum, []byte(recipient)) + len(recipient) + 1 // past the phone and the null user id
	enum[at] = 2 * 9
	inputs := []input{
		of("null value", "empty", nil),
		of("random bytes", "unknown_encoding", noise),
		of("random bytes under our header", "undecodable", append(slices.Clone(value[:10]), noise...)),
		of("huge block count", "undecodable", counts),
		of("huge block count with a size", "undecodable", sized),
		of("2 MB", "too_large", huge),
		of("unknown enum symbol", "undecodable", enum),
		of("a byte too many", "undecodable", append(slices.Clone(value), 0)),
		of("header only", "undecodable", value[:10]),
		of("half a header", "undecodable", value[:5]),
	}
	for reason, bad := range validatetest.Values(value) {
		inputs = append(inputs, of("value for "+reason, reason, bad))
	}
	for cut := 11; cut < len(value); cut += 7 {
		inputs = append(inputs, of(fmt.Sprintf("truncated to %d", cut), "undecodable", value[:cut]))
	}
	return inputs
}

// badRequests are requests that fit the schema, one for each reason, and one on another tenant's own topic.
func badRequests(t *testing.T) []input {
	var inputs []input
	for reason, r := range validatetest.Requests(request()) {
		if !slices.Contains(validatetest.Unencodable, reason) {
			inputs = append(inputs, of("request for "+reason, reason, encoded(t, r)))
		}
	}
	foreign := of("a request on another tenant's topic", "tenant_mismatch", encoded(t, request()))
	foreign.output.Topic = wire.RequestsOf("blue-clinic")
	return append(inputs, foreign)
}

// atLimits are requests with every field at its limit.
func atLimits(t *testing.T) []input {
	var inputs []input
	for name, content := range validatetest.AtLimit() {
		r := request()
		r.Content = content
		inputs = append(inputs, of("at limit: "+name, "", encoded(t, r)))
	}
	labels, late, reply, uuid := request(), request(), request(), request()
	labels.TenantID = wide
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		labels.Labels[key] = strings.Repeat("v", 48)
	}
	late.ExpiresAt = time.Now().Add(365 * 24 * time.Hour).UTC()
	late.DiagnosticWindow = "0s"
	reply.ReplyTo = "wamid." + strings.Repeat("A", 512-len("wamid."))
	uuid.MessageID = "0195F7A0-0000-7000-8000-000000000001"
	unkeyed := of("null key", "", encoded(t, request()))
	unkeyed.output.Key = nil
	return append(inputs, unkeyed,
		of("at limit: tenant id and labels", "", encoded(t, labels)), of("at limit: expiry and window", "", encoded(t, late)),
		of("at limit: reply_to", "", encoded(t, reply)), of("a UUID", "", encoded(t, uuid)))
}

// byRegistry are requests in the Confluent wire format, by schemas older and newer than ours.
func byRegistry(t *testing.T, registry *srfake.Registry) []input {
	value := encoded(t, request())
	body := value[10:]
	confluent := func(id int, body []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), body...)
	}
	seed := func(id int, change func(fields []any) []any) {
		var schema map[string]any
		if err := json.Unmarshal([]byte(schemas.MessageRequests.Schema()), &schema); err != nil {
			t.Fatal(err)
		}
		schema["fields"] = change(schema["fields"].([]any))
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		registry.SeedSchema("requests-value", id, id, sr.Schema{Schema: string(text), Type: sr.TypeAvro})
	}
	field := func(fields []any, name string) map[string]any {
		for _, f := range fields {
			if f := f.(map[string]any); f["name"] == name {
				return f
			}
		}
		t.Fatalf("no field %s", name)
		return nil
	}
	seed(1, func(f []any) []any { return f })
	seed(2, func(f []any) []any { return f[:len(f)-1] })                                                  // no labels, which have a default
	seed(3, func(f []any) []any { return append(f, map[string]any{"name": "remark", "type": "string"}) }) // one more
	seed(4, func(f []any) []any { field(f, "tenant_id")["type"] = "long"; return f })                     // another type
	seed(5, func(f []any) []any { return f[1:] })                                                         // no message id, which has no default
	seed(6, func(f []any) []any {                                                                         // one more symbol
		enum := field(f, "category")["type"].(map[string]any)
		enum["symbols"] = append(enum["symbols"].([]any), canary[:6])
		return f
	})
	added := slices.Clone(body)
	added[bytes.Index(added, []byte(recipient))+len(recipient)+1] = 2 * 4 // the added symbol
	remark := append(binary.AppendVarint(slices.Clone(body), int64(len(canary))), canary...)
	return []input{
		of("by the registry", "", confluent(1, body)),
		of("older, a field missing", "", confluent(2, body[:len(body)-1])),
		of("newer, a field more", "", confluent(3, remark)),
		of("newer, an enum of more symbols", "", confluent(6, body)),
		of("newer, an unknown symbol", "incompatible_schema", confluent(6, added)),
		of("a field of another type", "incompatible_schema", confluent(4, body)),
		of("a field without default missing", "incompatible_schema", confluent(5, body[1+len(request().MessageID):])),
		of("an id the registry does not know", "unknown_schema", confluent(99, body)),
		of("registry header only", "undecodable", []byte{0, 0, 0}),
		of("truncated by the registry", "undecodable", confluent(1, body[:len(body)/2])),
	}
}
