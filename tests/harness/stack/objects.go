package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Objects says that stacks keep their segments in a bucket, and share no folder.
func Objects() bool { return os.Getenv("OBJECTS") != "" }

// objectsBucket is the bucket of segments. Its objects are files of a folder with that name,
// where a stack without a bucket has the segments themselves: tests look at both alike.
const objectsBucket = "warehouse"

// Credentials of the bucket.
const (
	objectsKey    = "harness"
	objectsSecret = "harness-secret"
)

// storeCommand is the server of OBJECTS: rclone, or else versitygw. Both have the folders in
// root as buckets.
func storeCommand(root, at string) (name string, args []string) {
	if os.Getenv("OBJECTS") == "rclone" {
		// Tests remove objects behind its back.
		return "rclone", []string{"serve", "s3", "--addr", at, "--auth-key", objectsKey + "," + objectsSecret, "--config", os.DevNull, "--dir-cache-time", "0", root}
	}
	return "versitygw", []string{"--access", objectsKey, "--secret", objectsSecret, "--port", at, "--quiet", "posix", root}
}

// ObjectStore is a running store.
type ObjectStore struct {
	*Process
	URL string

	port int
}

// StartObjectStore runs a store on a port of 127.0.0.1 with the folders in root as
// buckets, of which it makes that of segments. logs is the folder of its log.
func StartObjectStore(ctx context.Context, root, logs string, port int) (*ObjectStore, error) {
	name, args := storeCommand(root, address(port))
	program, err := Variant{}.Binary(name)
	if err != nil {
		return nil, err
	}
	if !exists(program) {
		return nil, fmt.Errorf("there is no bin/%s: make install-test builds versitygw, make bin/rclone the other", name)
	}
	if err := os.MkdirAll(filepath.Join(root, objectsBucket), 0o755); err != nil {
		return nil, fmt.Errorf("making a bucket: %w", err)
	}
	p, err := Start(ctx, logs, "objects", nil, program, args...)
	if err != nil {
		return nil, err
	}
	s := &ObjectStore{p, "http://" + address(port), port}
	err = Poll(ctx, opening, func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return fmt.Errorf("waiting for the object store: %w", err)
		}
		return answer.Body.Close()
	})
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return s, nil
}

// Stop ends the store.
func (s *ObjectStore) Stop() error {
	err := s.Process.Stop()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == 128+int(syscall.SIGTERM) { // rclone's success
		return nil
	}
	return err
}

// ObjectSettings have a service keep segments in the bucket at a store's URL.
func ObjectSettings(url string) []string {
	return []string{
		"WAREHOUSE_S3_BUCKET=" + objectsBucket, "WAREHOUSE_S3_ENDPOINT=" + url, "WAREHOUSE_S3_PATH_STYLE=true",
		"WAREHOUSE_S3_ACCESS_KEY=" + objectsKey, "WAREHOUSE_S3_SECRET_KEY=" + objectsSecret,
		"WORKER_LOAD_INTERVAL=250ms", // requests cost nothing here, and tests wait for loads
	}
}

// startObjects starts the stack's object store, and has the services use it.
func (s *Stack) startObjects(ctx context.Context) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	if s.Store, err = StartObjectStore(ctx, s.data, s.dir, port); err != nil {
		return err
	}
	s.onStop(func() error { return s.Store.Stop() })
	return nil
}

// RestartStore starts the object store that was killed, at the same address.
func (s *Stack) RestartStore(ctx context.Context) (err error) {
	s.Store, err = StartObjectStore(ctx, s.data, s.dir, s.Store.port)
	return err
}

// Warehouse are the settings by which a command finds the segments.
func (s *Stack) Warehouse() []string { return s.warehouseOf("commands") }

// warehouseOf are those of a service: with a bucket, each has a folder of its own.
func (s *Stack) warehouseOf(name string) []string {
	if s.Store == nil {
		return []string{"WAREHOUSE_DIR=" + filepath.Join(s.data, objectsBucket)}
	}
	return append([]string{"WAREHOUSE_DIR=" + filepath.Join(s.dir, "copies", name)}, ObjectSettings(s.Store.URL)...)
}
