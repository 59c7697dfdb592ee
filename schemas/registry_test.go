package schemas

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeRegistry speaks as much of Confluent's REST API as we ask. Ids: 1 is MessageRequest, 2 a Protobuf schema, 500 an
// error of the server, 404 an answer that is not the registry's; it knows no other.
type fakeRegistry struct {
	*httptest.Server
	asked atomic.Int64
}

func startRegistry(t *testing.T) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		switch id := strings.TrimPrefix(r.URL.Path, "/schemas/ids/"); id {
		case "1":
			_ = json.NewEncoder(w).Encode(map[string]string{"schema": MessageRequests.Schema()})
		case "2":
			_ = json.NewEncoder(w).Encode(map[string]string{"schema": `syntax = "proto3";`, "schemaType": "PROTOBUF"})
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error_code":50001,"message":"canary"}`)
		case "404":
			http.NotFound(w, r)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeRegistry) codec(t *testing.T) *Codec[MessageRequest] {
	t.Helper()
	r, err := NewRegistry(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	return MessageRequests.WithRegistry(r)
}

// framed puts a body behind the Confluent prefix.
func framed(id uint32, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), body...)
}

// With a registry the Confluent wire format is read beside single-object encoding.
func TestConfluentWireFormat(t *testing.T) {
	// Goal: producers with Confluent's serializers are understood. Method: the same body behind either prefix; the
	// registry is asked once.
	f := startRegistry(t)
	codec, want := f.codec(t), exampleRequest(exampleContents()[5])
	encoded, err := codec.Encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, b := range [][]byte{encoded, framed(1, encoded[10:])} {
			if got, err := codec.Decode(b); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, error %v", got, err)
			}
		}
	}
	if n := f.asked.Load(); n != 1 {
		t.Errorf("the registry was asked %d times, want 1", n)
	}
}

// What the registry does not know is the record's fault, and not asked for over and over.
func TestRegistryKnowsNot(t *testing.T) {
	// Goal: a bad id is a rejection, and cannot be used to flood the registry. Method: ids it does not know, knows as
	// another language, and a cut prefix; count the questions.
	f := startRegistry(t)
	codec := f.codec(t)
	for range 5 {
		for want, b := range map[string][]byte{
			ReasonUnknownSchema:      framed(7, nil),
			ReasonIncompatibleSchema: framed(2, nil),
			ReasonUndecodable:        {0, 0, 0},
		} {
			if _, err := codec.Decode(b); err == nil || reasonOf(t, err) != want {
				t.Errorf("got error %v, want %s", err, want)
			}
		}
	}
	if n := f.asked.Load(); n != 2 {
		t.Errorf("the registry was asked %d times, want 2", n)
	}
}

// A registry that does not answer is the world's fault.
func TestRegistryDown(t *testing.T) {
	// Goal: an outage rejects no record. Method: a server error, an answer of something else than a registry, and no
	// server at all; the error is no DecodeError and quotes no answer.
	f := startRegistry(t)
	codec := f.codec(t)
	check := func(what string, id uint32) {
		t.Helper()
		_, err := codec.Decode(framed(id, nil))
		var d *DecodeError
		if err == nil || errors.As(err, &d) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got error %v", what, err)
		}
	}
	check("server error", 500)
	check("no registry", 404)
	f.Close()
	check("no server", 9)
	check("no server, again", 9)
}

// What is remembered of ids is bounded.
func TestRegistryCacheIsBounded(t *testing.T) {
	// Goal: a producer that counts through ids cannot fill our memory. Method: put more ids than there is room for.
	var c writerCache
	for id := range 3 * cachedSchemas {
		c.put(id, nil)
		if len(c.writers) > cachedSchemas {
			t.Fatalf("%d ids are remembered", len(c.writers))
		}
	}
	if _, known := c.get(3*cachedSchemas - 1); !known {
		t.Error("the last id is forgotten")
	}
}
