package bugs

// ingest returns the bugs of the ingest service.
func ingest() []Bug {
	return []Bug{{
		Name:   "ack-before-commit",
		Faults: `^(ingest-before-commit|ingest killed|postgres)`,
		About: "The answer is sent while the commit is still to come, and whether that fails is not looked at. " +
			"Shows when ingest is killed or fails at ingest-before-commit, or when Postgres is killed under load: events of a 202 are neither in the ledger nor in any answer.",
		Edits: []Edit{{
			File: "services/ingest/store/store.go",
			Old: `
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if err := do(tx); err != nil {
				return err
			}
			return failpoint.Hit(failpoint.IngestBeforeCommit)
		})
`,
			New: `
		var tx pgx.Tx
		if tx, err = s.pool.Begin(ctx); err != nil {
			return err
		}
		commit := func(ctx context.Context) {
			time.Sleep(20 * time.Millisecond) // the client has its answer
			if failpoint.Hit(failpoint.IngestBeforeCommit) == nil {
				_ = tx.Commit(ctx)
			}
			_ = tx.Rollback(ctx)
		}
		if err = do(tx); err == nil {
			go commit(context.WithoutCancel(ctx))
		} else {
			_ = tx.Rollback(context.WithoutCancel(ctx))
		}
`,
		}, {
			File: "services/ingest/store/store.go",
			Old:  "\t\"slices\"\n",
			New:  "\t\"slices\"\n\t\"time\"\n",
		}},
	}, {
		Name:   "duplicate-counted-as-new",
		Faults: `^ingest-after-commit`,
		About: "INSERT … ON CONFLICT DO UPDATE also returns the ids that were known, so they count as new and go to the outbox again. " +
			"Shows whenever a batch of fewer than 64 events is sent again, as after a kill at ingest-after-commit: accepted twice, counted twice; and a second content overwrites the first unseen.",
		Edits: []Edit{{
			File: "services/ingest/store/ledger.go",
			Old: `
ON CONFLICT DO NOTHING
RETURNING event_id, project_id`,
			New: `
ON CONFLICT (event_id, project_id) DO UPDATE SET content = excluded.content
RETURNING event_id, project_id`,
		}},
	}, {
		Name:   "unsorted-ids",
		Faults: `^crossing uploads`,
		About: "Ids are inserted in the order of the request. " +
			"Shows when the same ids arrive at once in different orders, in batches of more than 2,000 events or single requests (a group gives up waiting before Postgres looks for a deadlock): " +
			"pg_stat_database.deadlocks rises, requests take a second longer and may end in a 5xx. No event is lost or doubled.",
		Edits: []Edit{{
			File: "services/ingest/store/ledger.go",
			Old: `&copyStream{entries: entries}, copySQL); err != nil {
			return fmt.Errorf("copying event ids: %w", err)
		}
		return nil
	})
}
`,
			New: `&copyStream{entries: asSent(entries)}, copySQL); err != nil {
			return fmt.Errorf("copying event ids: %w", err)
		}
		return nil
	})
}

func asSent(entries []entry) []entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.upload, b.upload), cmp.Compare(a.at, b.at))
	})
}
`,
		}, {
			File: "services/ingest/store/ledger.go",
			Old:  "ids, projects, contents := columns(entries)\n",
			New:  "ids, projects, contents := columns(asSent(entries))\n",
		}, {
			File: "services/ingest/store/ledger.go",
			Old:  "import (\n",
			New:  "import (\n\t\"cmp\"\n",
		}},
	}, {
		Name:   "idempotency-key-shared",
		Faults: `^redis`,
		About: "An Idempotency-Key is looked up without its project. " +
			"Shows when two projects send the same body under the same key: the second gets the first's answer, a 202, and its events are stored nowhere.",
		Edits: []Edit{{
			File: "services/ingest/intake/once.go",
			Old:  "WHERE project_id = $1 AND key = $2 AND created_at",
			New:  "WHERE $1::bigint IS NOT NULL AND key = $2 AND created_at",
		}},
	}, {
		Name:   "naive-seq-cursor",
		Faults: `^(ingest-before-commit|slow transaction)`,
		About: "The worker reads rows with seq beyond the last one instead of those that are settled. " +
			"Shows when a transaction with a lower seq commits after a higher one was loaded: with several ingest processes under load, or one stopped at ingest-before-commit while another goes on. " +
			"Events of a 202 are never seen in stats.",
		Edits: []Edit{{
			File: "pkg/outbox/tail.go",
			Old: `
    WHERE (o.xid, o.seq) > ($1::text::xid8, $2::bigint) AND o.xid < (SELECT xmin FROM snapshot)
    ORDER BY o.xid, o.seq
`,
			New: `
    WHERE $1::text IS NOT NULL AND o.seq > $2::bigint
    ORDER BY o.seq
`,
		}, {
			File: "pkg/outbox/tail.go",
			Old: `
    SELECT *, sum(events) OVER (ORDER BY xid, seq) AS total, sum(bytes) OVER (ORDER BY xid, seq) AS total_bytes,
           row_number() OVER (ORDER BY xid, seq) AS n
`,
			New: `
    SELECT *, sum(events) OVER (ORDER BY seq) AS total, sum(bytes) OVER (ORDER BY seq) AS total_bytes,
           row_number() OVER (ORDER BY seq) AS n
`,
		}, {
			File: "pkg/outbox/tail.go",
			Old:  "ORDER BY r.xid, r.seq`",
			New:  "ORDER BY r.seq`",
		}},
	}}
}
