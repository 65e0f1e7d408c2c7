package walk

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Open maps a file that Build wrote. The error is ErrFormat when it has another size or is
// none of events by user; its hash is checked by the caller before. The file is no longer
// mapped once the File, and all that was had of it, is no longer used.
func Open(path string, size int64) (f *File, err error) {
	data, err := mapFile(path, size)
	if err != nil {
		return nil, err
	}
	err = Guard(func() (err error) {
		f, err = Read(data)
		return err
	})
	if err != nil {
		unmap(data)
		return nil, err
	}
	runtime.AddCleanup(f, unmap, data)
	return f, nil
}

func mapFile(path string, size int64) (data []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening events by user: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening events by user: %w", err)
	}
	if info.Size() != size || size == 0 {
		return nil, fmt.Errorf("%w: it has %d bytes of %d", ErrFormat, info.Size(), size)
	}
	if data, err = unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("mapping events by user: %w", err)
	}
	return data, nil
}

func unmap(data []byte) {
	_ = unix.Munmap(data) // it fails only for what is not mapped
}
