package schemas

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/linkedin/goavro/v2"
)

func init() {
	// goavro allocates by the counts it reads: check bounds them, this bounds goavro should check have a hole.
	goavro.MaxBlockCount, goavro.MaxBlockSize = maxParts, MaxValue
}

// Codec writes and reads one kind of record. It is made once per process and safe for concurrent use.
type Codec[T any] struct{ binding }

// Append encodes v and appends it to dst in single-object encoding: C3 01, the fingerprint of the newest schema (8 bytes,
// little endian), the body. An error is a mistake of the caller's (a symbol outside its enum, a time outside
// 1970..9999, text that is not UTF-8, more than MaxValue bytes): it names the field and quotes nothing, and dst comes
// back as it was.
func (c *Codec[T]) Append(dst []byte, v *T) ([]byte, error) {
	return c.append(dst, reflect.ValueOf(v).Elem())
}

// Encode is Append to nothing.
func (c *Codec[T]) Encode(v *T) ([]byte, error) { return c.Append(nil, v) }

// Decode reads single-object encoding of any version in this package and, with a registry, the Confluent wire format.
// The result shares nothing with b; empty arrays, maps and bytes are nil. An error that is a *DecodeError is the
// record's fault; any other (the registry cannot be reached) is the world's. Neither quotes b.
func (c *Codec[T]) Decode(b []byte) (T, error) {
	var v T
	err := c.decode(b, reflect.ValueOf(&v).Elem())
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// Schema returns the newest schema, which Append writes, as it stands in its .avsc file.
func (c *Codec[T]) Schema() string { return c.reader.text }

// Fingerprint returns CRC-64-AVRO of the newest schema's parsing canonical form.
func (c *Codec[T]) Fingerprint() uint64 { return c.reader.fingerprint }

// WithRegistry returns a codec that also reads the Confluent wire format: 00, schema id (4 bytes, big endian), body.
func (c *Codec[T]) WithRegistry(r Registry) *Codec[T] {
	d := *c
	d.registry, d.writers = r, &writerCache{}
	return &d
}

// writer is a schema that values come in, and the plan that reads them as the newest one.
type writer struct {
	text        string
	node        *node
	fingerprint uint64
	avro        *goavro.Codec
	decode      decoder
	direct      reading // instead of avro and decode, where the schema is the reader's
}

// newWriter plans reading text as the reader's schema into t.
func newWriter(text string, reader *node, t reflect.Type) (*writer, error) {
	n, err := parseSchema(text)
	if err != nil {
		return nil, err
	}
	decode, err := newDecoder(n, reader, t)
	if err != nil {
		return nil, err
	}
	canonical := n.canonical()
	avro, err := goavro.NewCodec(canonical) // without logical types and defaults: both are ours to do
	if err != nil {
		return nil, errSchema
	}
	w := &writer{text: text, node: n, fingerprint: fingerprint(canonical), avro: avro, decode: decode}
	if canonical == reader.canonical() {
		w.direct = newReading(reader, t)
	}
	return w, nil
}

// binding is what a Codec does, without its type parameter.
type binding struct {
	typ      reflect.Type
	reader   *writer            // the newest version
	versions map[uint64]*writer // all versions, by fingerprint
	encode   encoder

	registry Registry // nil: single-object encoding only
	writers  *writerCache
}

// newBinding binds t to its schemas, newest last.
func newBinding(t reflect.Type, texts []string) (binding, error) {
	reader, err := parseSchema(texts[len(texts)-1])
	if err != nil {
		return binding{}, err
	}
	checkBinding(reader, t)
	b := binding{typ: t, versions: map[uint64]*writer{}, encode: newEncoder(reader, t)}
	for _, text := range texts {
		w, err := newWriter(text, reader, t)
		if err != nil {
			return binding{}, err
		}
		b.versions[w.fingerprint], b.reader = w, w
	}
	return b, nil
}

func (c *binding) append(dst []byte, v reflect.Value) ([]byte, error) {
	out, err := c.encode(binary.LittleEndian.AppendUint64(append(dst, 0xC3, 0x01), c.reader.fingerprint), v)
	switch {
	case err != nil:
		return dst, fmt.Errorf("encode %s: %w", c.typ.Name(), err)
	case len(out)-len(dst) > MaxValue:
		return dst, fmt.Errorf("encode %s: more than %d bytes", c.typ.Name(), MaxValue)
	}
	return out, nil
}

func (c *binding) decode(b []byte, dst reflect.Value) error {
	switch {
	case len(b) == 0:
		return &DecodeError{ReasonEmpty}
	case len(b) > MaxValue:
		return &DecodeError{ReasonTooLarge}
	}
	w, body, err := c.writerOf(b)
	if err != nil {
		return err
	}
	parts := maxParts
	rest, reason := w.node.check(body, &parts)
	if reason == "" && len(rest) > 0 {
		reason = ReasonUndecodable
	}
	if reason != "" {
		return &DecodeError{reason}
	}
	return w.read(body, dst)
}

// writerOf tells the encodings apart by their first bytes and returns the writer's schema and the body.
func (c *binding) writerOf(b []byte) (w *writer, body []byte, err error) {
	switch {
	case len(b) >= 2 && b[0] == 0xC3 && b[1] == 0x01:
		if len(b) < 10 {
			return nil, nil, &DecodeError{ReasonUndecodable}
		}
		w, body = c.versions[binary.LittleEndian.Uint64(b[2:])], b[10:]
	case b[0] == 0x00 && c.registry != nil:
		if len(b) < 5 {
			return nil, nil, &DecodeError{ReasonUndecodable}
		}
		w, err = c.registered(int(binary.BigEndian.Uint32(b[1:])))
		return w, b[5:], err
	default:
		return nil, nil, &DecodeError{ReasonUnknownEncoding}
	}
	if w == nil {
		return nil, nil, &DecodeError{ReasonUnknownSchema}
	}
	return w, body, nil
}

const registryTimeout = 10 * time.Second

// registered returns the plan for a schema id, asking the registry once per id.
func (c *binding) registered(id int) (*writer, error) {
	w, known := c.writers.get(id)
	if !known {
		ctx, cancel := context.WithTimeout(context.Background(), registryTimeout)
		defer cancel()
		text, err := c.registry.SchemaByID(ctx, id)
		if errors.Is(err, ErrUnknownSchema) {
			return nil, &DecodeError{ReasonUnknownSchema}
		}
		if err != nil {
			return nil, err
		}
		w, _ = newWriter(text, c.reader.node, c.typ) // nil: incompatible, and stays so
		c.writers.put(id, w)
	}
	if w == nil {
		return nil, &DecodeError{ReasonIncompatibleSchema}
	}
	return w, nil
}

// read decodes a body that passed check.
func (w *writer) read(body []byte, dst reflect.Value) error {
	if w.direct != nil {
		_, err := w.direct(body, dst)
		return err
	}
	native, err := w.native(body)
	if err != nil {
		return err
	}
	return w.decode(native, dst)
}

// native lets goavro decode a body. Its errors quote values, and a panic of it would be the record's doing.
func (w *writer) native(body []byte) (native any, err error) {
	defer func() {
		if recover() != nil {
			err = &DecodeError{ReasonUndecodable}
		}
	}()
	native, rest, err := w.avro.NativeFromBinary(body)
	if err != nil || len(rest) > 0 {
		return nil, &DecodeError{ReasonUndecodable}
	}
	return native, nil
}
