package canary

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A file of a ClickHouse part is a row of blocks: 16 bytes of checksum, then method (1 byte), size with these nine bytes
// (4, little-endian), size when decompressed (4), and the data. Source: src/Compression/CompressionInfo.h.
const (
	checksumSize = 16
	headerSize   = 9

	methodLZ4      = 0x82
	methodZSTD     = 0x90
	methodMultiple = 0x91 // a count, so many methods, and a block of the last of them
	mostPlain      = 1 << 30
)

var (
	errBlock = errors.New("not a row of compressed blocks")
	reader   = sync.OnceValues(func() (*zstd.Decoder, error) { return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)) })
)

// compressed says whether a file of a part is a row of blocks, by the ends of ClickHouse's names: columns, and primary key
// and skipping indexes where they are compressed.
func compressed(path string) bool {
	return slices.Contains([]string{".bin", ".cidx"}, filepath.Ext(path))
}

// decompress joins the contents of all blocks.
func decompress(data []byte) (plain []byte, err error) {
	for len(data) > 0 {
		if len(data) < checksumSize+headerSize {
			return nil, errBlock
		}
		size := int64(binary.LittleEndian.Uint32(data[checksumSize+1:]))
		if size < headerSize || size > int64(len(data)-checksumSize) {
			return nil, errBlock
		}
		if plain, err = appendBlock(plain, data[checksumSize:checksumSize+size]); err != nil {
			return nil, err
		}
		data = data[checksumSize+size:]
	}
	return plain, nil
}

// appendBlock appends what a block, from its method on, holds. Other methods are none at all, or only prepare numbers
// (Delta and its like), into which no canary fits.
func appendBlock(plain, block []byte) ([]byte, error) {
	if len(block) < headerSize {
		return nil, errBlock
	}
	size, body := int(binary.LittleEndian.Uint32(block[5:])), block[headerSize:]
	if size > mostPlain {
		return nil, errBlock
	}
	switch block[0] {
	case methodLZ4:
		into := make([]byte, size)
		n, err := lz4.UncompressBlock(body, into)
		return append(plain, into[:n]...), err
	case methodZSTD:
		r, err := reader()
		if err != nil {
			return nil, err
		}
		return r.DecodeAll(body, plain)
	case methodMultiple:
		if len(body) == 0 || len(body) < 1+int(body[0]) {
			return nil, errBlock
		}
		return appendBlock(plain, body[1+int(body[0]):])
	}
	return append(plain, body...), nil
}
