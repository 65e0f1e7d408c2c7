package source

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// File that records are from.
type File struct {
	Name   string
	SHA256 [sha256.Size]byte // of its bytes; only with Options.Hash
}

// one is a file, whose records know where they are from.
type one struct {
	Source
	file *File
	next int64
}

func openOne(path string, o Options) (*one, error) {
	s := &one{file: &File{Name: path}}
	f := os.Stdin
	if path != Stdin {
		var err error
		if f, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("opening the file: %w", err)
		}
	}
	err := s.hash(f, o)
	if err == nil {
		s.Source, err = open(path, f, o)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), f.Close())
	}
	return s, nil
}

func (s *one) hash(f *os.File, o Options) error {
	if !o.Hash {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("reading it for its hash: %w", err)
	}
	sum.Sum(s.file.SHA256[:0])
	_, err := f.Seek(0, io.SeekStart)
	return err
}

func (s *one) Next() (Record, error) {
	r, err := s.Source.Next()
	if err == nil {
		s.next++
		r.File, r.Number = s.file, s.next
	}
	return r, err
}

func (s *one) Skip(n int64) error {
	s.next += n
	return s.Source.Skip(n)
}
