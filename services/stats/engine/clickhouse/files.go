package clickhouse

import (
	"errors"
	"path"
	"regexp"
	"strings"

	"eventanalytics/pkg/warehouse/segment"
)

// files is how ClickHouse sees the files of segments.
type files struct {
	function string // file, s3 or s3Cluster
	first    string // what the function's arguments begin with, in SQL
	prefix   string // of paths
}

var (
	folderPattern = regexp.MustCompile(`^/?([A-Za-z0-9._-]+/)*[A-Za-z0-9._-]+/?$`)
	namePattern   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	errFiles      = errors.New("ENGINE_FILES must be file:FOLDER, s3:COLLECTION or s3Cluster:CLUSTER/COLLECTION, of letters, digits and _; a folder may also have dots, hyphens and slashes")
)

// parseFiles reads where files are: file:FOLDER of those under user_files_path, s3:COLLECTION
// or s3Cluster:CLUSTER/COLLECTION for those of a bucket. The collection has the address and
// the credentials, which no statement has.
func parseFiles(text string) (files, error) {
	function, rest, _ := strings.Cut(text, ":")
	switch function {
	case "file":
		if !folderPattern.MatchString(rest) || strings.Contains(rest, "..") {
			return files{}, errFiles
		}
		return files{function: "file", prefix: path.Clean(rest) + "/"}, nil
	case "s3":
		if !namePattern.MatchString(rest) {
			return files{}, errFiles
		}
		return files{function: "s3", first: rest}, nil
	case "s3Cluster":
		cluster, collection, _ := strings.Cut(rest, "/")
		if !namePattern.MatchString(cluster) || !namePattern.MatchString(collection) {
			return files{}, errFiles
		}
		return files{function: "s3Cluster", first: quote(cluster) + ", " + collection}, nil
	}
	return files{}, errFiles
}

// source is the table function that reads the files of some segments. Their names are our
// own, of letters, digits, dots and hyphens.
func (f files) source(segments []segment.Segment, structure string) string {
	names := make([]string, len(segments))
	for i, s := range segments {
		names[i] = s.Path
	}
	list := names[0]
	if len(names) > 1 {
		list = "{" + strings.Join(names, ",") + "}"
	}
	if folder := path.Dir(names[0]); len(names) > 1 && folder != "." { // all of a project's are in one
		for i, name := range names {
			names[i] = strings.TrimPrefix(name, folder+"/")
		}
		list = folder + "/{" + strings.Join(names, ",") + "}"
	}
	if f.function == "file" {
		return "file(" + quote(f.prefix+list) + ", 'Parquet', " + quote(structure) + ")"
	}
	return f.function + "(" + f.first + ", filename = " + quote(list) + ", format = 'Parquet', structure = " + quote(structure) + ")"
}

// quote writes a text of our own as SQL.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
