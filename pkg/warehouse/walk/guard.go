package walk

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Guard calls f, and makes an error, which is ErrFormat, of a read of a mapped file that
// fails in this goroutine: when the disk does, or the file was cut short. Without it the
// process would end.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		cause := recover()
		if cause == nil {
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
