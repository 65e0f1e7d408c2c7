//go:build !linux

package sandbox

// confine does nothing where the kernel is not Linux: the service is not run there.
func confine(limits) error { return nil }

// closeFiles does nothing either.
func closeFiles([]string) error { return nil }
