package source

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// many are files that are read one after the other.
type many struct {
	paths   []string
	options Options
	sizes   []int64
	done    int64 // bytes of the files that are read
	total   int64
	next    int  // of paths
	now     *one // nil before the first
}

// openMany looks at each file, so that one that cannot be imported is refused before
// anything of the others is sent.
func openMany(paths []string, o Options) (Source, error) {
	m := &many{paths: paths, options: o}
	quick := o
	quick.Hash = false
	m.options.Note = nil // it is said once
	for _, path := range paths {
		s, err := openOne(path, quick)
		if err != nil {
			return nil, err
		}
		if err := s.Close(); err != nil {
			return nil, fmt.Errorf("closing %s: %w", path, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("examining the file: %w", err)
		}
		m.sizes = append(m.sizes, info.Size())
		m.total += info.Size()
	}
	return m, nil
}

// advance opens the next file, or returns io.EOF after the last.
func (m *many) advance() error {
	if m.now != nil {
		m.done += m.sizes[m.next-1]
		if err := m.now.Close(); err != nil {
			return fmt.Errorf("closing %s: %w", m.paths[m.next-1], err)
		}
		m.now = nil
	}
	if m.next == len(m.paths) {
		return io.EOF
	}
	now, err := openOne(m.paths[m.next], m.options)
	if err != nil {
		return err
	}
	m.now = now
	m.next++
	return nil
}

func (m *many) Next() (Record, error) {
	for {
		if m.now != nil {
			r, err := m.now.Next()
			if !errors.Is(err, io.EOF) {
				if err != nil {
					err = fmt.Errorf("%s: %w", m.now.file.Name, err)
				}
				return r, err
			}
		}
		if err := m.advance(); err != nil {
			return Record{}, err
		}
	}
}

func (m *many) Skip(n int64) error { return Skip(m, n) }

func (m *many) Progress() (done, of int64) {
	if m.now == nil {
		return m.done, m.total
	}
	part, whole := m.now.Progress()
	return m.done + int64(float64(m.sizes[m.next-1])*float64(part)/float64(max(whole, 1))), m.total
}

func (m *many) Unit() string { return "bytes" }

func (m *many) Close() error {
	if m.now == nil {
		return nil
	}
	return m.now.Close()
}
