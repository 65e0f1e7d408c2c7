package bugs

// warehouse returns the bugs in segments' files and their roll-ups.
func warehouse() []Bug {
	return []Bug{{
		Name: "no-fsync",
		Test: "./suite/durability -run=^TestWorkerWrites",
		About: "A segment gets its name before its bytes are on disk. " +
			"Shows after a loss of power alone; in the system calls of a load (strace): no fsync of the temporary file before its rename.",
		Edits: []Edit{{
			File: "pkg/warehouse/segment/file.go",
			Old: `
	if err := f.Sync(); err != nil {
		return 0, sum, fmt.Errorf("sealing a segment: %w", err)
	}
`,
			New: "\n",
		}},
	}, {
		Name: "no-folder-fsync",
		Test: "./suite/durability -run=^TestWorkerWrites",
		About: "A segment's name is not on disk when the manifest has its row. " +
			"Shows after a loss of power alone; in the system calls of a load (strace): no fsync of the project's folder between the rename and the COMMIT.",
		Edits: []Edit{{
			File: "pkg/warehouse/segment/publish.go",
			Old: `
	if err := p.syncFolder(segment); err != nil {
		return Segment{}, err
	}
`,
			New: "\n",
		}},
	}, {
		Name:   "manifest-before-file",
		Faults: `^(load-after-commit|compact-after-swap)`,
		About: "Files get their names in the background, a little later than the manifest its rows. " +
			"Shows when the worker is killed at load-after-commit or compact-after-swap: rows without files, 503 data-damaged. Without a fault: such answers for a moment, and COMMIT before rename in the system calls.",
		Edits: []Edit{{
			File: "pkg/warehouse/segment/file.go",
			Old: `
	if err := os.Rename(tmp, path); err != nil {
		return 0, sum, fmt.Errorf("publishing a segment: %w", err)
	}
`,
			New: `
	later := tmp + ".later"
	if err := os.Rename(tmp, later); err != nil {
		return 0, sum, fmt.Errorf("publishing a segment: %w", err)
	}
	time.AfterFunc(200*time.Millisecond, func() { _ = os.Rename(later, path) })
`,
		}, {
			File: "pkg/warehouse/segment/file.go",
			Old:  "\t\"path/filepath\"\n",
			New:  "\t\"path/filepath\"\n\t\"time\"\n",
		}},
	}, {
		Name:    "manifest-before-object",
		Objects: true,
		Faults:  `^(load-after-commit|compact-after-swap) kill|^object store killed`,
		About: "Files become objects in the background, a little later than the manifest gets its rows. " +
			"Shows when the worker is killed at load-after-commit or compact-after-swap, or the store is away: rows without objects, which no replica without a copy can answer from.",
		Edits: []Edit{{
			File: "pkg/warehouse/segment/folder.go",
			Old: `
	g, putting := errgroup.WithContext(ctx)
	for _, file := range files {
		g.Go(func() error { return f.bucket.Put(putting, file, filepath.Join(f.dir, file.Path)) })
	}
`,
			New: `
	g, putting := new(errgroup.Group), context.WithoutCancel(ctx)
	for _, file := range files {
		time.AfterFunc(200*time.Millisecond, func() { _ = f.bucket.Put(putting, file, filepath.Join(f.dir, file.Path)) })
	}
`,
		}},
	}, {
		Name:    "copy-not-hashed",
		Objects: true,
		Faults:  `^object store lies`,
		About: "A copy is taken for the object when it has as many bytes, and as hashed. " +
			"Shows when bits change on the way: a replica that started without copies cannot read one, or answers otherwise than the others.",
		Edits: []Edit{{
			File: "pkg/warehouse/objects/get.go",
			Old:  "case n > f.Bytes || [32]byte(h.Sum(nil)) != f.SHA256:",
			New:  "case n > f.Bytes:",
		}},
	}, {
		Name:   "rollup-not-undone",
		Faults: `^segment-before`,
		About: "What a write that failed had added to its roll-up stays for the next write of the project, and nobody compares a roll-up's events with the segment's (the product does, twice: the bug alone would cost time, not answers). " +
			"Shows when the worker fails (is not killed) at segment-before-sync or segment-before-rename, or its disk is full, and tries again: answers from roll-ups count the load twice, those from events once.",
		Edits: []Edit{{
			File: "pkg/warehouse/duckdb/build.go",
			Old: `
	var rollUp rollup.Builder
	for i, e := range events {
		rollUp.Add(e.OccurredAt, e.Type, keys[i], e.Properties)
	}
`,
			New: `
	var rollUp rollup.Builder
	add := func(to *rollup.Builder) {
		for i, e := range events {
			to.Add(e.OccurredAt, e.Type, keys[i], e.Properties)
		}
	}
	if failed, ok := unpublished.Swap(project, add); ok {
		failed.(func(*rollup.Builder))(&rollUp)
	}
	add(&rollUp)
`,
		}, {
			File: "pkg/warehouse/duckdb/build.go",
			Old: `
	return b.publish(ctx, s, t, properties, func() ([]byte, error) { return rollUp.Bytes(project) })
`,
			New: `
	published, err := b.publish(ctx, s, t, properties, func() ([]byte, error) { return rollUp.Bytes(project) })
	if err == nil {
		unpublished.Delete(project)
	}
	return published, err
`,
		}, {
			File: "pkg/warehouse/duckdb/build.go",
			Old:  "// Builder writes segments.",
			New:  "var unpublished sync.Map // by project: how the last write added to its roll-up\n\n// Builder writes segments.",
		}, {
			File: "pkg/warehouse/segment/rollup.go",
			Old:  "(f.Project != s.ProjectID || f.Events != uint64(s.Events))",
			New:  "f.Project != s.ProjectID",
		}, {
			File: "pkg/warehouse/duckdb/merge.go",
			Old:  "if err == nil && events != uint64(s.Events) {",
			New:  "if err == nil && events < uint64(s.Events) {",
		}},
	}, {
		Name:   "rollup-keeps-merged",
		Faults: `^compact`,
		About: "A replica keeps the roll-ups of segments that were merged beside that of their merger. " +
			"Shows after any compaction while the replica runs: answers from roll-ups count events twice, those from events, or of a replica that has just started, once.",
		Edits: []Edit{{
			File: "pkg/warehouse/rollup/change.go",
			Old:  "if !gone[r.file] {",
			New:  "if !gone[r.file] || len(more) > 0 {",
		}},
	}, {
		Name:   "manifest-keeps-replaced",
		Faults: `^compact`,
		About: "A replica reads which segments were added since its last snapshot, and not which were replaced. " +
			"Shows after any compaction while the replica runs: all its answers count events twice, those of a replica that has just started once.",
		Edits: []Edit{{
			File: "pkg/warehouse/manifest/read.go",
			Old:  "WHERE changed_xid >= $1::text::xid8 ORDER BY id",
			New:  "WHERE changed_xid >= $1::text::xid8 AND replaced_at IS NULL ORDER BY id",
		}},
	}, {
		Name:   "users-not-verified",
		Faults: `^users file swapped`,
		About: "A file of events by user is taken for what its name says, without comparing its size and hash with the manifest's. " +
			"Shows when it is exchanged for that of another segment: answers from the walk lack events and have others twice, those from roll-ups do not.",
		Edits: []Edit{{
			File: "pkg/warehouse/segment/users.go",
			Old: `
	if err := i.Check(file); err != nil {
		return nil, err
	}
	opened, err := walk.Open(path, file.Bytes)
`,
			New: `
	if err != nil {
		return nil, err
	}
	opened, err := walk.Open(path, info.Size())
`,
		}},
	}, {
		Name:   "walk-left-behind",
		Faults: `^(load|compact)`,
		About: "A replica keeps the events by user of a project until segments are merged, and leaves out those that were loaded since. " +
			"Shows after any load while the replica runs: answers from the walk lack the load's events, those from roll-ups, or of a replica that has just started, do not.",
		Edits: []Edit{{
			File: "pkg/warehouse/replica/walks.go",
			Old:  "case p == nil || !slices.EqualFunc(",
			New:  "case p == nil || len(segments) < len(p.segments) && !slices.EqualFunc(",
		}},
	}}
}
