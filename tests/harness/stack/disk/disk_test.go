package disk_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack/disk"
)

func TestFill(t *testing.T) {
	t.Parallel()
	for name, mount := range map[string]func(context.Context, string) (*disk.Disk, error){
		"tmpfs": func(_ context.Context, dir string) (*disk.Disk, error) { return disk.Tmpfs(dir, 8<<20) },
		"loop":  func(ctx context.Context, dir string) (*disk.Disk, error) { return disk.Loop(ctx, dir, 32<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := mount(t.Context(), filepath.Join(t.TempDir(), "disk"))
			if err != nil {
				require.ErrorIs(t, err, disk.ErrUnable)
				t.Skip(err)
			}
			defer func() { require.NoError(t, d.Unmount()) }()
			path := filepath.Join(d.Dir, "file")
			some := make([]byte, 64<<10)
			require.NoError(t, d.Fill())
			held, err := os.Open(filepath.Join(d.Dir, "filler")) // as a child does that was forked during Fill
			require.NoError(t, err)
			defer held.Close()
			require.ErrorIs(t, os.WriteFile(path, some, 0o600), syscall.ENOSPC)
			require.NoError(t, d.Free())
			require.NoError(t, os.WriteFile(path, some, 0o600))
		})
	}
}
