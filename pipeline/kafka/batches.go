package kafka

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go/compress"

	"github.com/whatsapplink/cloud/pipeline"
)

var (
	errCorrupt     = errors.New("corrupt record batch")
	errUnsupported = errors.New("unsupported record batch")
)

const (
	batchHeader = 61
	// maxRecord bounds one record in memory. The broker bounds the compressed batch only, so a hostile producer can make a
	// few kilobytes unfold into gigabytes; what is longer than this arrives cut, and its decoder refuses it.
	maxRecord = 8 << 20
	// maxTaken bounds what one Fetch returns, for the same reason.
	maxTaken = 4 << 20
)

const (
	attrCompression   = 0x07
	attrAppendTime    = 0x08 // timestamp.type is LogAppendTime: the max timestamp is the broker's clock
	attrTransactional = 0x10
	attrControl       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batches walks the record batches (format v2) of one fetch answer, record by record, so that a compressed batch never
// stands unfolded in memory as a whole.
type batches struct {
	raw     []byte    // the batches not begun yet
	aborted []aborted // transactions that were aborted, by first offset
	skip    map[int64]bool

	open    batch
	records recordReader // nil: no batch is open
	close   func() error // of the decompressor
}

// batch is the header of a record batch.
type batch struct {
	base, last    int64
	attributes    int16
	first, latest int64 // timestamps in milliseconds
	producer      int64
	left          int32 // records not read yet
}

type recordReader interface {
	io.Reader
	io.ByteReader
}

// next returns the next record at or after offset from and the offset that follows it. When the answer holds no more, ok
// is false, and following is past every batch seen.
func (b *batches) next(from int64) (r pipeline.Record, following int64, ok bool, err error) {
	for {
		if b.records == nil {
			more, err := b.begin()
			if err != nil || !more {
				return pipeline.Record{}, from, false, err
			}
		}
		if b.open.left == 0 || b.ignored() || b.open.last < from {
			from = max(from, b.open.last+1)
			b.end()
			continue
		}
		b.open.left--
		r, err := b.read()
		if err != nil {
			return pipeline.Record{}, from, false, err
		}
		if r.Offset < from {
			continue // a batch is served whole, also when it begins before the asked offset
		}
		return r, r.Offset + 1, true, nil
	}
}

// begin opens the next whole batch; false when there is none. A cut batch at the end is asked for again.
func (b *batches) begin() (bool, error) {
	if len(b.raw) < batchHeader {
		return false, nil
	}
	size := int64(binary.BigEndian.Uint32(b.raw[8:])) + 12
	if size < batchHeader {
		return false, fmt.Errorf("%w: length", errCorrupt)
	}
	if size > int64(len(b.raw)) {
		return false, nil
	}
	raw := b.raw[:size]
	if raw[16] != 2 {
		return false, fmt.Errorf("%w: magic %d", errUnsupported, raw[16])
	}
	if binary.BigEndian.Uint32(raw[17:]) != crc32.Checksum(raw[21:], castagnoli) {
		return false, fmt.Errorf("%w: checksum", errCorrupt)
	}
	b.raw = b.raw[size:]
	base := int64(binary.BigEndian.Uint64(raw))
	b.open = batch{
		base:       base,
		attributes: int16(binary.BigEndian.Uint16(raw[21:])),
		last:       base + int64(int32(binary.BigEndian.Uint32(raw[23:]))),
		first:      int64(binary.BigEndian.Uint64(raw[27:])),
		latest:     int64(binary.BigEndian.Uint64(raw[35:])),
		producer:   int64(binary.BigEndian.Uint64(raw[43:])),
		left:       int32(binary.BigEndian.Uint32(raw[57:])),
	}
	return true, b.unfold(raw[batchHeader:])
}

// unfold sets the reader of the open batch's records.
func (b *batches) unfold(body []byte) error {
	kind := compress.Compression(b.open.attributes & attrCompression)
	if kind == compress.None {
		b.records = bytes.NewReader(body)
		return nil
	}
	codec := kind.Codec()
	if codec == nil {
		return fmt.Errorf("%w: compression %d", errUnsupported, kind)
	}
	r := codec.NewReader(bytes.NewReader(body))
	b.records, b.close = bufio.NewReaderSize(r, 32<<10), r.Close
	return nil
}

// end closes the open batch.
func (b *batches) end() {
	if b.close != nil {
		_ = b.close() // only gives the decompressor back
	}
	b.records, b.close = nil, nil
}

// ignored says whether the open batch holds no data: a control batch, or part of an aborted transaction.
func (b *batches) ignored() bool {
	for len(b.aborted) > 0 && b.aborted[0].FirstOffset <= b.open.last {
		if b.skip == nil {
			b.skip = map[int64]bool{}
		}
		b.skip[b.aborted[0].ProducerID] = true
		b.aborted = b.aborted[1:]
	}
	if b.open.attributes&attrControl != 0 {
		delete(b.skip, b.open.producer) // its transaction ends here, aborted or not
		return true
	}
	return b.open.attributes&attrTransactional != 0 && b.skip[b.open.producer]
}

// read reads one record of the open batch.
func (b *batches) read() (pipeline.Record, error) {
	size, err := binary.ReadVarint(b.records)
	if err != nil || size < 0 {
		return pipeline.Record{}, fmt.Errorf("%w: record length", errCorrupt)
	}
	body := make([]byte, min(size, maxRecord)) // the record's own, so that keeping it keeps nothing else
	if _, err := io.ReadFull(b.records, body); err != nil {
		return pipeline.Record{}, fmt.Errorf("%w: record body", errCorrupt)
	}
	if cut := size - int64(len(body)); cut > 0 {
		if _, err := io.CopyN(io.Discard, b.records, cut); err != nil {
			return pipeline.Record{}, fmt.Errorf("%w: record body", errCorrupt)
		}
	}
	return b.parse(body, size > maxRecord)
}

// parse takes a record's body apart: attributes, time, offset, key, value, headers. Of a cut record it keeps what is there.
func (b *batches) parse(body []byte, cut bool) (pipeline.Record, error) {
	f := fields{rest: body, cut: cut}
	f.byte()
	at := b.open.first + f.varint()
	offset := b.open.base + f.varint()
	r := pipeline.Record{Key: f.bytes(), Value: f.bytes()}
	r.Offset = offset
	if b.open.attributes&attrAppendTime != 0 {
		at = b.open.latest
	}
	r.AppendedAt = time.UnixMilli(at).UTC()
	if n := f.varint(); n > 0 && !f.bad {
		r.Headers = make([]pipeline.Header, 0, min(n, int64(len(f.rest)/2)))
		for ; n > 0 && !f.bad; n-- {
			r.Headers = append(r.Headers, pipeline.Header{Key: string(f.bytes()), Value: f.bytes()})
		}
	}
	if f.bad && !cut || offset < b.open.base || offset > b.open.last {
		return pipeline.Record{}, fmt.Errorf("%w: record fields", errCorrupt)
	}
	return r, nil
}

// fields reads a record's fields one after the other; bad once one does not fit.
type fields struct {
	rest     []byte
	cut, bad bool
}

func (f *fields) byte() {
	if len(f.rest) == 0 {
		f.bad = true
		return
	}
	f.rest = f.rest[1:]
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.rest)
	if n <= 0 {
		f.bad = true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// bytes reads a length and that many bytes; nil for length -1.
func (f *fields) bytes() []byte {
	n := f.varint()
	if n < 0 || f.bad {
		return nil
	}
	if n > int64(len(f.rest)) {
		f.bad = true
		if !f.cut {
			return nil
		}
		n = int64(len(f.rest))
	}
	v := f.rest[:n:n]
	f.rest = f.rest[n:]
	return v
}
