package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"
)

const settingsSQL = `
SELECT string_agg(name || ' = ' || current_setting(name), ', ' ORDER BY n)
FROM unnest(ARRAY['fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'wal_compression',
                  'shared_buffers', 'max_wal_size', 'checkpoint_timeout']) WITH ORDINALITY AS s (name, n)`

// printEnvironment says under what conditions the figures hold.
func (b *bench) printEnvironment(ctx context.Context) error {
	var version, settings string
	if err := b.conn.QueryRow(ctx, `SELECT version()`).Scan(&version); err != nil {
		return fmt.Errorf("asking for the version: %w", err)
	}
	if err := b.conn.QueryRow(ctx, settingsSQL).Scan(&settings); err != nil {
		return fmt.Errorf("asking for the settings: %w", err)
	}
	version, _, _ = strings.Cut(version, " on ")
	fmt.Printf("- Machine: %d cores%s; client, service and Postgres share it\n", runtime.NumCPU(), hardware())
	fmt.Printf("- %s: %s\n", version, settings)
	fmt.Printf("- Service: %s, reached without a gateway, by API key; limits set to %s\n", runtime.Version(), strings.Join(rates, ", "))
	fmt.Printf("- Upload: %d events, %.1f MB of JSON, UUIDv4, 2 %% late; %d rounds, medians\n",
		b.Events, float64(len(b.pool.Append(nil, b.stream.Append(nil, b.Events))))/1e6, b.Rounds)
	return nil
}

// hardware is what the system tells of itself, or nothing.
func hardware() string {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return ""
	}
	var text strings.Builder
	// procfs reads this file on Linux only; the rest of it builds everywhere.
	if cpus, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(cpus), "model name\t: "); ok {
			model, _, _ := strings.Cut(after, "\n")
			fmt.Fprintf(&text, " of %s", model)
		}
	}
	if memory, err := fs.Meminfo(); err == nil && memory.MemTotalBytes != nil {
		fmt.Fprintf(&text, ", %d GiB", *memory.MemTotalBytes>>30)
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		fmt.Fprintf(&text, ", Linux %s", strings.TrimSpace(string(kernel)))
	}
	return text.String()
}
