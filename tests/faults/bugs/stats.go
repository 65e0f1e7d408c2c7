package bugs

// stats returns the bugs in answers, and in who may read them.
func stats() []Bug {
	return []Bug{{
		Name:   "cache-without-position",
		Faults: `^(stats|redis)`,
		About: "An answer's tag does not depend on the version of the project's data. " +
			"Shows without a fault: the same question before and after a load, though asked with min_position, has the same rows; and 304 for an ETag of before.",
		Edits: []Edit{{
			File: "services/stats/etag.go",
			Old:  "snapshot.Position.Incarnation, snapshot.ProjectVersion(project), snapshot.Persons(project).Version(), stale, clock,",
			New:  "stale, clock,",
		}},
	}, {
		Name:   "cache-without-project",
		Faults: `^(stats|redis)`,
		About: "An answer's tag does not depend on the project. " +
			"Shows without a fault when two projects whose events came with the same load, or have none, ask the same question: the second gets the first's rows.",
		Edits: []Edit{{
			File: "services/stats/etag.go",
			Old:  "server.APIVersion, project, name,",
			New:  "server.APIVersion, name,",
		}},
	}, {
		Name:   "missing-project-filter",
		Faults: `^(stats|redis)`,
		About: "An event is looked up by its id among those of all projects. " +
			"Shows without a fault when a caller asks for the id of another project's event: 200 instead of 404. Nothing else differs.",
		Edits: []Edit{{
			File: "services/stats/engine/duckdb/event.go",
			Old:  "id uuid.UUID) ([]engine.Event, error) {\n",
			New:  "id uuid.UUID) ([]engine.Event, error) {\n\te.project = 0\n",
		}, {
			File: "pkg/warehouse/manifest/snapshot.go",
			Old:  "\tall := slices.Clip(s.listOf(project).segments) // behind them are those of later snapshots\n",
			New: `
	all := slices.Clip(s.listOf(project).segments)
	if project == 0 {
		all = slices.Collect(s.All())
	}
`,
		}, {
			File: "pkg/warehouse/duckdb/events.go",
			Old:  `condition := "project_id = $project"`,
			New:  `condition := "$project IN (0, project_id)"`,
		}},
	}, {
		Name:   "limiter-keyed-on-gateway",
		Faults: `^redis`,
		About: "The client's address is that of the connection, which is the gateway's. " +
			"Shows without a fault: through nginx one client that uses up the limit of login or register has all others refused with 429.",
		Edits: []Edit{{
			File: "pkg/platform/server/server.go",
			Old:  "return echo.ExtractIPFromXFFHeader(options...)",
			New:  "return echo.ExtractIPDirect()",
		}},
	}, {
		Name: "revoked-key-works",
		Test: "./suite/security -run=^TestRevocation",
		About: "API keys are looked up without regard to their revocation. " +
			"Shows without a fault: a key revoked longer than AUTH_CACHE_FOR ago is still answered.",
		Edits: []Edit{{
			File: "pkg/auth/rows.go",
			Old:  "\nWHERE k.hash = $1 AND k.revoked_at IS NULL`",
			New:  "\nWHERE k.hash = $1`",
		}},
	}}
}
