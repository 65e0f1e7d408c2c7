//go:build !linux

package measure

import (
	"errors"
	"time"
)

// PreciseCPU needs Linux.
func PreciseCPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// DropCache needs Linux.
func DropCache(string) error { return errors.ErrUnsupported }
