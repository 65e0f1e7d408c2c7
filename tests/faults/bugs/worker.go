package bugs

// worker returns the bugs of the sync worker.
func worker() []Bug {
	return []Bug{{
		Name:   "no-epoch-check",
		Faults: `^two leaders`,
		About: "Transactions of an earlier epoch than the stored one pass. " +
			"A load of a fenced leader still fails once its successor has loaded, for the position has moved; it shows otherwise: " +
			"one stopped at load-before-commit, its successor at worker-after-claim, then the first resumes: rows of the manifest with a lower epoch than a row or lease before them. " +
			"It loses data when one is stopped at compact-before-swap, its successor does not compact but collects, with its clock set past the grace period, and the first goes on: rows without files.",
		Edits: []Edit{{
			File: "pkg/warehouse/manifest/tx.go",
			Old:  "WHERE epoch = $1` + originalSQL + ` FOR UPDATE`",
			New:  "WHERE epoch >= $1` + originalSQL + ` FOR UPDATE`",
		}, {
			File: "pkg/warehouse/manifest/tx.go",
			Old:  "WHERE epoch = $1\nRETURNING version`",
			New:  "WHERE epoch >= $1\nRETURNING version`",
		}, {
			File: "pkg/warehouse/manifest/tx.go",
			Old:  `SET version = version + 1 WHERE epoch = $1"`,
			New:  `SET version = version + 1 WHERE epoch >= $1"`,
		}},
	}, {
		Name:   "position-not-checked",
		Faults: `^(load-after-commit|load-in-commit|commit answer lost in load)`,
		About: "The worker trusts its own idea of the position: it neither compares it with the stored one nor reads it again after a failure. (Either alone is enough: a bug in one of them is no bug.) " +
			"Shows when the answer to a load's COMMIT is lost, as with an error at load-after-commit: the load's events are counted twice.",
		Edits: []Edit{{
			File: "services/syncworker/load/publish.go",
			Old: `
		if tx.Stored != l.position {
			return ErrMoved
		}
`,
			New: "\n",
		}, {
			File: "services/syncworker/load/load.go",
			Old:  "return false, errors.Join(err, l.reposition(ctx))",
			New:  "return false, err",
		}},
	}, {
		Name:   "load-in-two-steps",
		Faults: `^load-in-commit`,
		About: "The segments of a load are listed in a transaction of their own, before the one that moves the position. " +
			"Shows when the worker is killed or fails at load-in-commit: the load's events are counted twice.",
		Edits: []Edit{{
			File: "pkg/warehouse/manifest/tx.go",
			Old: `
	if err := Insert(ctx, tx, loaded); err != nil {
		return err
	}
`,
			New: `
	err = pgx.BeginFunc(ctx, tx.lease.pool, func(own pgx.Tx) error { return Insert(ctx, own, loaded) })
	if err != nil {
		return err
	}
`,
		}},
	}, {
		Name:   "compaction-in-two-steps",
		Faults: `^compact-in-swap`,
		About: "Merged segments are retired outside the transaction that lists their replacement. " +
			"Shows when the worker is killed or fails at compact-in-swap: their events are gone from stats. For a moment also between any two commits, as a count that falls.",
		Edits: []Edit{{
			File: "pkg/warehouse/manifest/tx.go",
			Old:  "live, err := retire(ctx, tx, in)",
			New:  "live, err := retire(ctx, tx.lease.pool, in)",
		}},
	}, {
		Name:   "compaction-drops-late",
		Faults: `^(compact|load)`,
		About: "A merge retires every segment of its project and level, not those it read. " +
			"Shows when a load commits while a merge is under way, as under steady small loads with WORKER_LOAD_INTERVAL=0s: the load's events are gone from stats.",
		Edits: []Edit{{
			File: "pkg/warehouse/manifest/manifest.go",
			Old:  "WHERE id = ANY($1::bigint[]) AND replaced_at IS NULL`",
			New: `WHERE replaced_at IS NULL AND (project_id, level) IN
      (SELECT project_id, level FROM analytics.segments WHERE id = ANY($1::bigint[]))` + "`",
		}, {
			File: "pkg/warehouse/manifest/tx.go",
			Old:  "if live != len(in) {",
			New:  "if live < len(in) {",
		}},
	}, {
		Name:   "gc-without-grace",
		Faults: `^(compact|collect)`,
		About: "Files of replaced segments are deleted at the first collection after the merge. " +
			"Shows when a replica that cannot reach Postgres, or is stopped, answers from events (a question with a filter) of the version it has: 503 data-damaged. " +
			"And directly: files and rows of replaced segments are gone before WAREHOUSE_GRACE_PERIOD is over.",
		Edits: []Edit{{
			File: "pkg/warehouse/manifest/tx.go",
			Old:  "replaced_at < clock_timestamp() - $1::interval AND NOT",
			New:  "replaced_at < clock_timestamp() - 0 * $1::interval AND NOT",
		}},
	}, {
		Name:   "dead-letter-dropped",
		Faults: `^damaged row`,
		About: "What cannot be loaded is skipped and not kept. " +
			"Shows when an outbox row has a line that is damaged, or an event that the warehouse refuses: acknowledged events are neither in stats nor in dead_letters.",
		Edits: []Edit{{
			File: "services/syncworker/load/publish.go",
			Old: `
		if err := insertDeadLetters(ctx, tx, w.dead); err != nil {
			return err
		}
`,
			New: "\n",
		}},
	}, {
		Name:   "user-key-before-commit",
		Faults: `^keys-before-commit`,
		About: "New users' keys are remembered before they are committed. " +
			"Shows when the worker fails (is not killed) at keys-before-commit, or Postgres does at that moment, and other new users come later: two users have one key. " +
			"Users are counted too low by roll-ups and by events alike, so only an independent count sees it; and users of the ledger's events are missing from user_keys.",
		Edits: []Edit{{
			File: "services/syncworker/userkey/userkey.go",
			Old:  "\t\t\treturn failpoint.Hit(failpoint.KeysBeforeCommit)\n",
			New: `
			k.mu.Lock()
			for i, id := range users {
				k.cache.add(project, id, keys[i])
			}
			k.mu.Unlock()
			return failpoint.Hit(failpoint.KeysBeforeCommit)
`,
		}},
	}, {
		Name:   "partition-dropped-unread",
		Faults: `^unread row`,
		About: "Days of the outbox are dropped for their age, read or not. " +
			"Shows when the worker starts with an old day's rows unread, as after an outage of OUTBOX_RETENTION, or while an open transaction keeps them unsettled: events of a 202 are never seen in stats.",
		Edits: []Edit{{
			File: "pkg/warehouse/manifest/manifest.go",
			Old:  "WHERE (o.xid, o.seq) > (s.xid, s.seq))",
			New:  "WHERE o.day >= current_date)",
		}},
	}}
}
