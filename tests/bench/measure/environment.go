package measure

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/procfs"
)

const settingsSQL = `
SELECT version(), string_agg(name || ' = ' || current_setting(name), ', ' ORDER BY n)
FROM unnest(ARRAY['fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'wal_compression',
                  'shared_buffers', 'max_wal_size', 'checkpoint_timeout']) WITH ORDINALITY AS s (name, n)`

// Postgres returns the server's version and the settings that determine its speed.
func Postgres(ctx context.Context, conn *pgx.Conn) (string, error) {
	var version, settings string
	if err := conn.QueryRow(ctx, settingsSQL).Scan(&version, &settings); err != nil {
		return "", fmt.Errorf("asking for the settings of Postgres: %w", err)
	}
	version, _, _ = strings.Cut(version, " on ")
	return version + ": " + settings, nil
}

// Machine describes the machine: CPU, memory and kernel.
func Machine() string {
	text := fmt.Sprintf("%d cores", runtime.NumCPU())
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return text
	}
	// procfs reads this file on Linux only; the rest of procfs builds everywhere.
	if cpus, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(cpus), "model name\t: "); ok {
			model, _, _ := strings.Cut(after, "\n")
			text += " of " + model
		}
	}
	if memory, err := fs.Meminfo(); err == nil && memory.MemTotalBytes != nil {
		text += fmt.Sprintf(", %d GiB", *memory.MemTotalBytes>>30)
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		text += ", Linux " + strings.TrimSpace(string(kernel))
	}
	return text
}

// LoadAverage is the machine's over 1, 5 and 15 minutes.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], ", ")
}
