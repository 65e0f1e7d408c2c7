package main

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

// recode writes blocks of revision 0, which the library makes, in that of a client.
// Clients send tables in revision 0.
func recode(data []byte, revision uint64) ([]byte, error) {
	server := &column.ServerContext{Timezone: time.UTC}
	reader := chproto.NewReader(bytes.NewReader(data))
	var out chproto.Buffer
	for {
		b := proto.Block{ServerContext: server}
		if err := b.Decode(reader, 0); errors.Is(err, io.EOF) {
			return out.Buf, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading a block: %w", err)
		}
		if err := b.Encode(&out, revision); err != nil {
			return nil, fmt.Errorf("writing a block: %w", err)
		}
	}
}
