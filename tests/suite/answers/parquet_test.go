package answers

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// parquetText is a Parquet file as it is recorded: the hash of its bytes, and its
// schema and rows for people.
func parquetText(file []byte) (string, error) {
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return "", fmt.Errorf("opening a Parquet file: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes, SHA-256 %x\n%s\n%s\n", len(file), sha256.Sum256(file), f.Metadata().CreatedBy, f.Schema())
	rows := parquet.NewReader(f)
	defer rows.Close()
	buffer := make([]parquet.Row, 1)
	for {
		n, err := rows.ReadRows(buffer)
		if n == 1 {
			fmt.Fprintf(&b, "%+v\n", buffer[0])
		}
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", fmt.Errorf("reading a Parquet file: %w", err)
		}
	}
}
