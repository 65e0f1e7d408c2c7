package lake

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/apache/iceberg-go"

	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/fields"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// table is what a term remembers of a published table: reading it again would be a request for
// each of its files.
type table struct {
	manifest.Published
	*metadata
	manifests []listed
	lists     map[string][]string // manifests of lists, by URL
}

// open returns a project's table as the catalog has it. It is nil where there is none that
// can be continued: another database published it, or at another location, or its files are
// gone. The manifest has all that a new one needs.
func (p *Publisher) open(ctx context.Context, l manifest.Lake, incarnation int32) (*table, error) {
	if l.Location == "" || l.Incarnation != incarnation {
		return nil, nil
	}
	if t := p.tables[l.Project]; t != nil && t.Published == l.Published {
		return t, nil
	}
	if _, err := p.name(l.Location); err != nil {
		return nil, nil //nolint:nilerr // it was published for another location
	}
	t := &table{Published: l.Published, lists: map[string][]string{}}
	data, err := p.read(ctx, l.Location)
	if err != nil {
		return nil, err
	}
	if t.metadata, err = parseMetadata(data); err != nil {
		return nil, err
	}
	manifests, err := p.readList(ctx, t.current().ManifestList)
	if err != nil {
		return nil, err
	}
	for _, m := range manifests {
		of, err := p.readManifest(ctx, m)
		if err != nil {
			return nil, err
		}
		t.manifests = append(t.manifests, of)
	}
	t.lists[t.current().ManifestList] = paths(t.manifests)
	return t, nil
}

// compare says whether a table that was read lists live segments with what the manifest says of
// them. A file of Avro may be damaged and still be read, with other bounds of occurred_at.
func (t *table) compare(live []segment.Segment) error {
	of := make(map[string]file, len(live))
	for i := range live {
		of[live[i].Path] = fileOf(&live[i])
	}
	for _, m := range t.manifests {
		for _, f := range m.files {
			want, isLive := of[f.path]
			want.snapshot, want.sequence = f.snapshot, f.sequence
			if isLive && f != want {
				return fmt.Errorf("%w: it says something else of %s", errUnreadable, f.path)
			}
		}
	}
	return nil
}

func paths(manifests []listed) []string {
	all := make([]string, len(manifests))
	for i, m := range manifests {
		all[i] = m.manifest.FilePath()
	}
	return all
}

// commit publishes the next version of a table, if it differs from t, which is nil for none.
// It says whether it does.
func (p *Publisher) commit(ctx context.Context, l manifest.Lake, t *table, live *manifest.Project) (bool, error) {
	ids, err := fields.All(ctx, p.deps.Pool, l.Project)
	if err != nil {
		return false, err
	}
	columns, err := columnsOf(ids)
	if err != nil {
		return false, err
	}
	next := &table{metadata: newMetadata(p.url(strconv.FormatInt(l.Project, 10))), lists: map[string][]string{}}
	before := ""
	if t != nil {
		next.metadata, next.manifests, before = t.clone(), t.manifests, t.Published.Location
	}
	d := diff(next.manifests, live.Segments, p.cfg.manifestFiles)
	expired := next.expired(live.At, p.cfg.Keep, maxSnapshots)
	if d.empty() && expired == 0 {
		return false, nil
	}
	if !d.empty() {
		next.evolve(columns) // before the files that have them
		if err := p.addSnapshot(ctx, l.Project, next, d, live); err != nil {
			return false, err
		}
		expired = next.expired(live.At, p.cfg.Keep, maxSnapshots)
	}
	next.expire(expired)
	next.succeed(before, live.At, p.cfg.Keep, maxSnapshots)
	next.Published = manifest.Published{Number: number(l.Number, live.At), Incarnation: live.Position.Incarnation, OldestXMin: next.oldestXMin()}
	if next.Published.Location, err = p.writeMetadata(ctx, l.Project, next.Number, next.metadata); err != nil {
		return false, err
	}
	if err := failpoint.Hit(failpoint.LakeBeforeCommit); err != nil {
		return false, err
	}
	delete(p.tables, l.Project) // the answer may be lost
	err = p.deps.Term.Commit(ctx, func(tx *manifest.Tx) error { return tx.Publish(ctx, l.Project, l.Published, next.Published) })
	if err != nil {
		return false, err
	}
	for _, s := range next.Snapshots {
		if t != nil && t.lists[s.ManifestList] != nil {
			next.lists[s.ManifestList] = t.lists[s.ManifestList]
		}
	}
	p.tables[l.Project] = next
	return true, nil
}

// number is that of the file of metadata of a state that was read at an instant; last is the
// number of the project's last file that was published. Readers of the folder alone take the
// highest, and of two with the same number any: ClickHouse counted 25,000 of 150,000 events in an
// older one. So it is the time, which is above all that a crash left there, or that was published
// before a database was restored or lost its last transactions.
func number(last int64, at time.Time) int64 { return max(last+1, at.Unix()-firstNumber) }

// firstNumber is the beginning of 2020, in seconds since 1970: numbers fit into the 31 bits that
// some readers have until 2088, and were below in versions that counted files.
const firstNumber = 1_577_836_800

// addSnapshot writes a snapshot's files and makes it the current one of next.
func (p *Publisher) addSnapshot(ctx context.Context, project int64, next *table, d difference, live *manifest.Project) error {
	var parent *int64
	if now := next.current(); now != nil {
		parent = &now.ID
	}
	s := snapshot{
		ID: rand.Int64N(1<<62) + 1, Sequence: next.LastSequence + 1, At: max(live.At.UnixMilli(), next.LastUpdated), //nolint:gosec // it need only be another
		Schema: next.CurrentSchema, Summary: summary(d, live),
	}
	var err error
	if next.manifests, err = p.writeManifests(ctx, project, next.schema(), s, d); err != nil {
		return err
	}
	if s.ManifestList, err = p.writeList(ctx, project, s, parent, next.manifests); err != nil {
		return err
	}
	next.lists[s.ManifestList] = paths(next.manifests)
	next.add(s)
	return nil
}

// summary says what a snapshot changes, and which version of the manifest it is.
func summary(d difference, live *manifest.Project) map[string]string {
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	added, addedBytes := count(d.added)
	deleted, deletedBytes := count(d.deleted)
	var events, bytes int64
	for i := range live.Segments {
		events, bytes = events+live.Segments[i].Events, bytes+live.Segments[i].Bytes
	}
	operation := "append"
	if len(d.deleted) > 0 {
		operation = "overwrite"
		if added == deleted { // merges, which change no event
			operation = "replace"
		}
	}
	return map[string]string{
		"operation":        operation,
		"added-data-files": text(int64(len(d.added))), "added-records": text(added), "added-files-size": text(addedBytes),
		"deleted-data-files": text(int64(len(d.deleted))), "deleted-records": text(deleted), "removed-files-size": text(deletedBytes),
		"total-data-files": text(int64(len(live.Segments))), "total-records": text(events), "total-files-size": text(bytes),
		"total-delete-files": "0", "total-position-deletes": "0", "total-equality-deletes": "0",
		versionKey:  text(live.Version),
		positionKey: fmt.Sprintf("%d/%d/%d", live.Position.Incarnation, live.Position.XID, live.Position.Seq),
		xminKey:     strconv.FormatUint(live.XMin, 10),
	}
}

// references returns the names of all files of metadata that a table needs.
func (p *Publisher) references(ctx context.Context, t *table) (map[string]bool, error) {
	urls := []string{t.Published.Location}
	for _, m := range t.MetadataLog {
		urls = append(urls, m.File)
	}
	for _, s := range t.Snapshots {
		of, known := t.lists[s.ManifestList]
		if !known {
			manifests, err := p.readList(ctx, s.ManifestList)
			if err != nil {
				return nil, err
			}
			of = pathsOf(manifests)
			t.lists[s.ManifestList] = of
		}
		urls = append(append(urls, s.ManifestList), of...)
	}
	needed := make(map[string]bool, len(urls))
	for _, url := range urls {
		name, err := p.name(url)
		if err != nil {
			return nil, err
		}
		needed[name] = true
	}
	return needed, nil
}

func pathsOf(manifests []iceberg.ManifestFile) []string {
	all := make([]string, len(manifests))
	for i, m := range manifests {
		all[i] = m.FilePath()
	}
	return all
}
