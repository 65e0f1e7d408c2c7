package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
)

// The ids of columns that have bounds, by which engines pass files over.
const (
	projectField = 1
	timeField    = 3
)

func (p *Publisher) url(name string) string { return p.cfg.Location + "/" + name }

// name is the path below the warehouse folder of what is at a URL.
func (p *Publisher) name(url string) (string, error) {
	name, ok := strings.CutPrefix(url, p.cfg.Location+"/")
	if !ok {
		return "", fmt.Errorf("%w: %s is not below %s", errUnreadable, url, p.cfg.Location)
	}
	return name, nil
}

func (p *Publisher) read(ctx context.Context, url string) ([]byte, error) {
	name, err := p.name(url)
	if err != nil {
		return nil, err
	}
	p.reads++
	return p.deps.Folder.ReadMetadata(ctx, name)
}

// write makes a file of metadata of a project, and returns its URL.
func (p *Publisher) write(ctx context.Context, project int64, name string, data []byte) (url string, err error) {
	name = path.Join(strconv.FormatInt(project, 10), "metadata", name)
	return p.url(name), p.deps.Folder.WriteMetadata(ctx, name, data)
}

func (p *Publisher) writeMetadata(ctx context.Context, project, number int64, m *metadata) (url string, err error) {
	data, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("writing the metadata of a table: %w", err)
	}
	return p.write(ctx, project, fmt.Sprintf("%010d-%s.metadata.json", number, uuid.NewString()), data)
}

// writeManifests writes what a snapshot changes, and returns all manifests that it has.
func (p *Publisher) writeManifests(ctx context.Context, project int64, schema *iceberg.Schema, s snapshot, d difference) ([]listed, error) {
	all := append([]listed{}, d.stay...)
	id := uuid.NewString()
	for i, next := range d.write {
		var entries []iceberg.ManifestEntry
		add := func(status iceberg.ManifestEntryStatus, files []file) error {
			for _, f := range files {
				e, err := p.entry(project, s.ID, status, f)
				if err != nil {
					return err
				}
				entries = append(entries, e)
			}
			return nil
		}
		for _, err := range []error{add(iceberg.EntryStatusEXISTING, next.existing), add(iceberg.EntryStatusADDED, next.added), add(iceberg.EntryStatusDELETED, next.deleted)} {
			if err != nil {
				return nil, err
			}
		}
		name := fmt.Sprintf("%s-m%d.avro", id, i)
		var data bytes.Buffer
		manifest, err := iceberg.WriteManifest(p.url(path.Join(strconv.FormatInt(project, 10), "metadata", name)), &data, 2, *iceberg.UnpartitionedSpec, schema, s.ID, entries)
		if err != nil {
			return nil, fmt.Errorf("writing a manifest: %w", err)
		}
		if _, err := p.write(ctx, project, name, data.Bytes()); err != nil {
			return nil, err
		}
		files := append([]file{}, next.existing...)
		for _, f := range next.added {
			f.snapshot, f.sequence = s.ID, s.Sequence
			files = append(files, f)
		}
		all = append(all, listed{manifest, files})
	}
	return all, nil
}

func (p *Publisher) entry(project, snapshot int64, status iceberg.ManifestEntryStatus, f file) (iceberg.ManifestEntry, error) {
	b, err := iceberg.NewDataFileBuilder(*iceberg.UnpartitionedSpec, iceberg.EntryContentData, p.url(f.path), iceberg.ParquetFile, nil, nil, nil, f.events, f.bytes)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", f.path, err)
	}
	bounds := func(at int64) map[int][]byte {
		return map[int][]byte{projectField: bound(project), timeField: bound(at)}
	}
	data := b.LowerBoundValues(bounds(f.first)).UpperBoundValues(bounds(f.last)).Build()
	if status == iceberg.EntryStatusADDED { // it inherits the number of its snapshot
		return iceberg.NewManifestEntry(status, &snapshot, nil, nil, data), nil
	}
	if status == iceberg.EntryStatusEXISTING {
		snapshot = f.snapshot
	}
	return iceberg.NewManifestEntry(status, &snapshot, &f.sequence, &f.sequence, data), nil
}

func bound(v int64) []byte {
	data, _ := iceberg.Int64Literal(v).MarshalBinary() // times are numbers, too; it cannot fail
	return data
}

// writeList writes the list of a snapshot's manifests, and returns its URL and the manifests
// as it lists them.
func (p *Publisher) writeList(ctx context.Context, project int64, s snapshot, parent *int64, all []listed) (string, error) {
	manifests := make([]iceberg.ManifestFile, len(all))
	for i, m := range all {
		manifests[i] = m.manifest
	}
	var data bytes.Buffer
	if err := iceberg.WriteManifestList(2, &data, s.ID, parent, &s.Sequence, 0, manifests); err != nil {
		return "", fmt.Errorf("writing the list of manifests: %w", err)
	}
	// The writer gives new manifests their numbers in the file alone.
	read, err := iceberg.ReadManifestList(bytes.NewReader(data.Bytes()))
	if err != nil {
		return "", fmt.Errorf("reading the list of manifests: %w", err)
	}
	for i := range all {
		all[i].manifest = read[i]
	}
	return p.write(ctx, project, fmt.Sprintf("snap-%d-%s.avro", s.ID, uuid.NewString()), data.Bytes())
}

func (p *Publisher) readList(ctx context.Context, url string) ([]iceberg.ManifestFile, error) {
	data, err := p.read(ctx, url)
	if err != nil {
		return nil, err
	}
	return decoded(func() ([]iceberg.ManifestFile, error) { return iceberg.ReadManifestList(bytes.NewReader(data)) })
}

// decoded is what decode makes of a file. On some that are damaged by a single byte iceberg-go
// panics, which would end the worker, and again as soon as it starts.
func decoded[T any](decode func() (T, error)) (of T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errUnreadable, r)
		}
	}()
	if of, err = decode(); err != nil {
		err = fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return of, err
}

// readManifest reads which files a manifest lists.
func (p *Publisher) readManifest(ctx context.Context, m iceberg.ManifestFile) (listed, error) {
	data, err := p.read(ctx, m.FilePath())
	if err != nil {
		return listed{}, err
	}
	entries, err := decoded(func() ([]iceberg.ManifestEntry, error) { return iceberg.ReadManifest(m, bytes.NewReader(data), true) })
	if err != nil {
		return listed{}, err
	}
	l := listed{manifest: m}
	for _, e := range entries {
		d := e.DataFile()
		name, err := p.name(d.FilePath())
		if err != nil {
			return listed{}, err
		}
		first, last := instant(d.LowerBoundValues()), instant(d.UpperBoundValues())
		l.files = append(l.files, file{path: name, events: d.Count(), bytes: d.FileSizeBytes(), first: first, last: last, snapshot: e.SnapshotID(), sequence: e.SequenceNum()})
	}
	return l, nil
}

func instant(bounds map[int][]byte) int64 {
	l, err := iceberg.LiteralFromBytes(iceberg.PrimitiveTypes.Int64, bounds[timeField])
	if err != nil {
		return 0 // a file that another version listed without
	}
	return int64(l.(iceberg.Int64Literal)) //nolint:forcetypeassert // it is of that type
}
