package segment

import (
	"fmt"
	"os"
	"path/filepath"

	"eventanalytics/pkg/warehouse/rollup"
)

// ReadRollUp reads a segment's roll-up, which must be whole. The error is
// ErrQuarantined when it is not, and also rollup.ErrFormat when it is the
// manifest's file and still cannot be read.
func (i *Integrity) ReadRollUp(s Segment) (*rollup.File, error) {
	if s.RollUp == nil {
		return nil, fmt.Errorf("segment %s has no roll-up", s.Path)
	}
	f, err := rollup.Read(rollUpSource{i, s}, s.RollUp.Bytes)
	if err == nil && (f.Project != s.ProjectID || f.Events != uint64(s.Events)) {
		err = fmt.Errorf("%w: it is of %d events of project %d", rollup.ErrFormat, f.Events, f.Project)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrQuarantined, s.RollUpPath(), err)
	}
	return f, nil
}

// rollUpSource is a segment's roll-up on disk. Each opened file is checked: what
// is read later must be what was verified.
type rollUpSource struct {
	files   *Integrity
	segment Segment
}

func (s rollUpSource) Open() (rollup.ReadAtCloser, error) {
	release, err := s.files.HoldSoon(s.segment.ProjectID, s.segment.RollUpFile())
	if err != nil {
		return nil, err
	}
	defer release() // it stays readable while it is open
	f, err := os.Open(filepath.Join(s.files.dir, s.segment.RollUpPath()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	if err := s.files.Check(s.segment.RollUpFile()); err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}
