package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// reencode turns a Native answer of the engine, which speaks revision 0, into the revision the client asked for.
func reencode(answer []byte, revision uint64) ([]byte, error) {
	reader := chproto.NewReader(bytes.NewReader(answer))
	var out chproto.Buffer
	for {
		block := proto.Block{ServerContext: &column.ServerContext{Timezone: time.UTC}}
		err := block.Decode(reader, 0)
		if errors.Is(err, io.EOF) && len(block.Columns) == 0 {
			return out.Buf, nil
		}
		if err != nil {
			return nil, fmt.Errorf("re-encode a Native block: %w", err)
		}
		if err := block.Encode(&out, revision); err != nil {
			return nil, fmt.Errorf("re-encode a Native block: %w", err)
		}
	}
}
