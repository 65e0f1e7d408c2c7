package pages

import (
	"bytes"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	idColumn = "event_id"
	idBytes  = 16
	// filterBits for each value have a filter say of one in 200 ids that are not in a row
	// group that they might be: of the 800 row groups of 100 million events, 4 are then
	// searched for nothing.
	filterBits = 12
)

// filterOf is a filter and the column that is to know where it is.
type filterOf struct {
	data   []byte
	column *format.ColumnMetaData
}

// addFilter makes the Bloom filter of a column.
func (o *output) addFilter(hashes []uint64, m *format.ColumnMetaData) error {
	filter := bloom.MakeSplitBlockFilter(make([]byte, bloom.BlockSize*bloom.NumSplitBlocksOf(int64(len(hashes)), filterBits)))
	filter.InsertBulk(hashes)
	header := format.BloomFilterHeader{NumBytes: int32(len(filter.Bytes()))}
	header.Algorithm.Value = &format.SplitBlockAlgorithm{}
	header.Hash.Value = &format.XxHash{}
	header.Compression.Value = &format.BloomFilterUncompressed{}
	data, err := thrift.Marshal(&protocol, &header)
	if err != nil {
		return fmt.Errorf("encoding the header of a filter: %w", err)
	}
	o.filters = append(o.filters, filterOf{append(data, filter.Bytes()...), m})
	return nil
}

func hashOf(id []byte) uint64 { return bloom.XXH64{}.Sum64(id) }

// filterPlace is where the bits of a filter are.
type filterPlace struct{ offset, length int64 }

// maxFilterHeader is more than the header of a filter takes.
const maxFilterHeader = 64

// readFilterPlace finds the filter of a column.
func readFilterPlace(r io.ReaderAt, m *format.ColumnMetaData) (p filterPlace, err error) {
	if m.BloomFilterOffset <= 0 || m.BloomFilterLength <= 0 {
		return p, fmt.Errorf("%w: it has no filter of ids", ErrWhole)
	}
	head := make([]byte, min(maxFilterHeader, int64(m.BloomFilterLength)))
	if _, err := r.ReadAt(head, m.BloomFilterOffset); err != nil {
		return p, fmt.Errorf("reading a filter: %w", err)
	}
	from := &reader{data: head}
	var header format.BloomFilterHeader
	if err := thrift.NewDecoder(protocol.NewReader(from)).Decode(&header); err != nil {
		return p, fmt.Errorf("%w: the header of a filter: %w", ErrDamaged, err)
	}
	_, blocks := header.Algorithm.Value.(*format.SplitBlockAlgorithm)
	_, xxHash := header.Hash.Value.(*format.XxHash)
	_, plain := header.Compression.Value.(*format.BloomFilterUncompressed)
	if !blocks || !xxHash || !plain {
		return p, fmt.Errorf("%w: its filter of ids is of another kind", ErrWhole)
	}
	size := int64(len(head) - len(from.data))
	p = filterPlace{m.BloomFilterOffset + size, int64(header.NumBytes)}
	return p, badIf(p.length <= 0 || p.length%bloom.BlockSize != 0 || size+p.length != int64(m.BloomFilterLength), "a filter of %d bytes", p.length)
}

// may says whether an id with a hash may be among those of the filter.
func (p filterPlace) may(r io.ReaderAt, hash uint64) (bool, error) {
	may, err := bloom.CheckSplitBlock(io.NewSectionReader(r, p.offset, p.length), p.length, hash)
	if err != nil {
		return false, fmt.Errorf("reading a filter: %w", err)
	}
	return may, nil
}

// indexOf returns the place of an id among plain ones, or -1.
func indexOf(ids, id []byte) int {
	for from := 0; ; {
		at := bytes.Index(ids[from:], id)
		if at < 0 {
			return -1
		}
		if at += from; at%idBytes == 0 {
			return at / idBytes
		}
		from = at + 1
	}
}
