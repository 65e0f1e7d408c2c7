//go:build !failpoints

package failpoint

import "time"

// Hit does nothing.
func Hit(Name) error { return nil }

// Now is time.Now.
func Now() time.Time { return time.Now() }
