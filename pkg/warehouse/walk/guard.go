package walk

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// errChanged is what a read panics with that finds what Read did not let pass: the bytes are
// no longer those that it saw.
var errChanged = fmt.Errorf("%w: it changed since it was opened", ErrFormat)

// Guard does what Guard of the package does, for what goes over the view's files. Where one of
// them was written to, anything may have been read of it: an index that is out of range is
// ErrFormat then, too.
func (v *View) Guard(f func() error) (err error) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if _, ok := cause.(runtime.Error); ok {
			err = v.Unchanged()
		}
		if err == nil {
			panic(cause)
		}
	}()
	return Guard(f)
}

// Guard calls f, and makes an error, which is ErrFormat, of a read of a mapped file that
// fails in this goroutine: when the disk does, the file was cut short, or its bytes are
// others than when it was opened. Without it the process would end.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if e, ok := cause.(error); ok && errors.Is(e, errChanged) {
			err = e
			return
		}
		// A nil pointer, or an index out of range, has no address.
		fault, ok := cause.(interface {
			runtime.Error
			Addr() uintptr
		})
		if !ok {
			panic(cause)
		}
		err = fmt.Errorf("%w: reading what is mapped at %#x failed", ErrFormat, fault.Addr())
	}()
	return f()
}
