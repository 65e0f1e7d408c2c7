package faults

import "os"

// bucketed says that the services keep their segments in a bucket, and share no folder.
func bucketed() bool { return os.Getenv("OBJECTS") != "" }
