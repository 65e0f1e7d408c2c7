package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/preset"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/pkg/client"
)

type options struct {
	Files []string `arg:"" name:"file" help:"Files with events, or patterns such as 'export/*.json.gz'; - for the standard input."`

	URL      string `name:"url" env:"ANALYTICS_URL" default:"http://localhost:5066" help:"Address of the service."`
	Username string `env:"ANALYTICS_USERNAME" help:"Name of the account; requires a password. Alternatively, give an API key."`
	Password string `env:"ANALYTICS_PASSWORD" help:"Password of the account; other users of this machine can see it unless it comes from the environment."`
	APIKey   string `name:"api-key" env:"ANALYTICS_API_KEY" help:"API key with the scope ingest; also better passed in the environment."`
	Project  int64  `help:"Number of the project, instead of the account's own. A preset with an API key requires it."`

	Preset     string   `help:"The files are an export of: ${presets}." group:"What the files hold:"`
	Map        []string `placeholder:"FIELD=COLUMN,…" sep:"none" help:"Which column has which field of events (event_id, occurred_at, user_id, event_type, properties) or property (properties.NAME). A column may be a path into an object (user.id); of several (a|b) the first with a value counts." group:"What the files hold:"`
	Rest       string   `placeholder:"properties" help:"What becomes of the other columns: properties, properties.NAME (an object of them) or drop. By default they are refused." group:"What the files hold:"`
	IDFrom     string   `name:"id-from" placeholder:"COLUMN,…" help:"Derive event ids from columns that identify a row together; or from content, all of the row; or row, its number in this very file." group:"What the files hold:"`
	EventType  string   `placeholder:"NAME" help:"Type of all events, if no column has it." group:"What the files hold:"`
	TimeFormat string   `placeholder:"iso" help:"How times are written: iso; s, ms, us or ns since 1970; or a layout such as '%d.%m.%Y %H:%M'." group:"What the files hold:"`
	Zone       string   `placeholder:"UTC" help:"IANA time zone of times without an offset." group:"What the files hold:"`
	Type       []string `placeholder:"COLUMN=TYPE,…" sep:"none" help:"Type of a column that becomes a property: text, number, bool or json. Cells of CSV are text otherwise." group:"What the files hold:"`

	UserNumbers string `enum:"refuse,whole,text" default:"refuse" help:"What becomes of user ids such as 42.0 or 1.23E+11, which spreadsheets make of whole numbers: refuse rejects the row, whole takes 42.0 as 42, text takes them as they are." group:"What the files hold:"`
	Format      string `placeholder:"NAME" help:"Format of the files, whatever their names: csv, ndjson, json or parquet." group:"What the files hold:"`
	Delimiter   string `enum:"auto,comma,semicolon,tab,bar" default:"auto" help:"What separates the columns of CSV: auto, comma, semicolon, tab or bar." group:"What the files hold:"`
	Conflicts   string `enum:"reject,keep" default:"reject" help:"What becomes of an event that is stored with another content: reject lists it in the reject file, keep counts it as a duplicate." group:"What the files hold:"`

	Batch       int           `default:"10000" help:"Maximum events per request; a request also ends at 8 MiB of the file."`
	Parallel    int           `default:"4" help:"Concurrent requests."`
	Compression string        `enum:"zstd,gzip,none" default:"zstd" help:"Compression of requests: zstd, gzip or none."`
	RetryFor    time.Duration `default:"15m" help:"How long to retry a request while the service is down or busy."`

	Checkpoint string `type:"path" help:"File that records how far the import has got; by default the first file's name plus .checkpoint, in the working directory. Removed at the end."`
	Rejects    string `type:"path" help:"CSV file for rows that were not imported; by default the first file's name plus .rejects.csv (.dry-run.rejects.csv for a dry run), in the working directory. Overwritten if it exists."`
	DryRun     bool   `help:"Check the whole file as the service would, print the first events as they would be stored, and write the reject file, but send nothing."`
	Quiet      bool   `help:"Hide progress."`

	Version kong.VersionFlag `help:"Print the version and exit."`

	mapped *mapping.Mapping // nil for files in the API's own form and for presets
	preset *preset.Preset
	clock  mapping.Clock
}

// batchBytes of the file end a batch: far below the service's default limit of
// 64 MiB, so that requests are answered quickly.
const batchBytes = 8 << 20

// Validate reports everything that is wrong with the options (for kong).
func (o *options) Validate() error {
	var errs []error
	if o.Batch < 1 || o.Parallel < 1 {
		errs = append(errs, errors.New("--batch and --parallel must be positive"))
	}
	if o.Project < 0 {
		errs = append(errs, errors.New("--project must be positive"))
	}
	if o.RetryFor <= 0 {
		errs = append(errs, errors.New("--retry-for must be positive"))
	}
	errs = append(errs, o.expand(), o.validateMapping())
	if o.DryRun {
		return errors.Join(errs...)
	}
	if err := client.CheckURL(o.URL); err != nil {
		errs = append(errs, fmt.Errorf("--url: %w", err))
	}
	switch account := o.Username != "" || o.Password != ""; {
	case account && o.APIKey != "":
		errs = append(errs, errors.New("give either --username and --password or --api-key"))
	case account && (o.Username == "" || o.Password == ""), !account && o.APIKey == "":
		errs = append(errs, errors.New("give --username and --password, or --api-key"))
	case o.APIKey != "" && o.Project != 0 && o.preset == nil:
		errs = append(errs, errors.New("--project requires --username: an API key belongs to one project"))
	case o.APIKey != "" && o.Project == 0 && o.preset != nil:
		errs = append(errs, errors.New("--preset with --api-key requires --project, the number of the key's project: ids of events depend on it"))
	}
	return errors.Join(errs...)
}

// validateMapping reads the options that say what the files hold.
func (o *options) validateMapping() error {
	var errs []error
	f := mapping.Flags{
		Map: o.Map, Rest: o.Rest, IDFrom: o.IDFrom, EventType: o.EventType, TimeFormat: o.TimeFormat, Zone: o.Zone,
		Types: o.Type, Numbers: mapping.Numbers(o.UserNumbers),
	}
	if !slices.Contains([]source.Format{"", source.CSV, source.NDJSON, source.JSON, source.Parquet}, source.Format(o.Format)) {
		errs = append(errs, fmt.Errorf("--format: %q is none of csv, ndjson, json and parquet", o.Format))
	}
	var err error
	switch {
	case o.Preset != "":
		if o.preset, err = preset.Find(o.Preset); err != nil {
			errs = append(errs, err)
		}
		for flag, given := range map[string]bool{
			"--map": len(o.Map) > 0, "--rest": o.Rest != "", "--id-from": o.IDFrom != "", "--time-format": o.TimeFormat != "", "--type": len(o.Type) > 0,
		} {
			if given {
				errs = append(errs, fmt.Errorf("%s: a preset has its own; give one of them", flag))
			}
		}
		if o.clock, err = mapping.NewClock("", o.Zone); err != nil {
			errs = append(errs, err)
		}
		if o.preset != nil && o.preset.UTC && o.Zone != "" {
			errs = append(errs, fmt.Errorf("--zone: times of the preset %s are UTC", o.Preset))
		}
	case f.Any():
		if o.mapped, err = f.Mapping(); err != nil {
			errs = append(errs, err)
		} else if o.mapped.ID.Row && slices.Contains(o.Files, source.Stdin) {
			errs = append(errs, errors.New("--id-from row: it is derived from a whole file, before it is read; the standard input is read once"))
		}
	}
	return errors.Join(errs...)
}

// identity are the options that decide which events the rows of a file are.
func (o *options) identity() string {
	var parts []string
	add := func(flag, value, usual string) {
		if value != usual {
			parts = append(parts, fmt.Sprintf("--%s %q", flag, value))
		}
	}
	add("preset", o.Preset, "")
	add("map", strings.Join(o.Map, ","), "")
	add("rest", o.Rest, "")
	add("id-from", o.IDFrom, "")
	add("event-type", o.EventType, "")
	add("time-format", o.TimeFormat, "")
	add("zone", o.Zone, "")
	add("type", strings.Join(o.Type, ","), "")
	add("user-numbers", o.UserNumbers, "refuse")
	add("format", o.Format, "")
	add("delimiter", o.Delimiter, "auto")
	return strings.Join(parts, " ")
}

// expand replaces patterns by the files that they are of.
func (o *options) expand() error {
	var files []string
	var errs []error
	for _, path := range o.Files {
		found := []string{path}
		if path != source.Stdin {
			info, err := os.Stat(path)
			switch {
			case err == nil && info.IsDir():
				errs = append(errs, fmt.Errorf("%s is a folder; name its files, as in '%s'", path, filepath.Join(path, "*.json.gz")))
			case err != nil && strings.ContainsAny(path, "*?["):
				if found, err = filepath.Glob(path); err == nil && len(found) == 0 {
					err = fmt.Errorf("no file is like %s", path)
				}
				if err != nil {
					errs = append(errs, err)
				}
			case err != nil:
				errs = append(errs, err)
			}
		}
		files = append(files, found...)
	}
	errs = append(errs, distinct(files)...)
	if len(files) > 1 && slices.Contains(files, source.Stdin) {
		errs = append(errs, errors.New("the standard input (-) is read alone"))
	}
	o.Files = files
	return errors.Join(errs...)
}

// distinct refuses a file that is named twice, whatever its names are.
func distinct(paths []string) (errs []error) {
	var seen []os.FileInfo
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil { // the standard input, or what is reported already
			continue
		}
		if slices.ContainsFunc(seen, func(other os.FileInfo) bool { return os.SameFile(info, other) }) {
			errs = append(errs, fmt.Errorf("%s is named twice", path))
		}
		seen = append(seen, info)
	}
	return errs
}

// stdin says whether the standard input is read: there is no checkpoint then.
func (o *options) stdin() bool { return o.Files[0] == source.Stdin }

// name fills in the file names that were not given.
func (o *options) name() error {
	base := filepath.Base(o.Files[0])
	if len(o.Files) > 1 {
		base += fmt.Sprintf("+%d", len(o.Files)-1)
	}
	if o.stdin() {
		base = "stdin"
		if o.Checkpoint != "" {
			return errors.New("--checkpoint: an import of the standard input cannot be resumed; run it again from the start, nothing is counted twice")
		}
	}
	o.Checkpoint = cmp.Or(o.Checkpoint, base+".checkpoint")
	if o.Rejects == "" {
		o.Rejects = base + ".rejects.csv"
		if o.DryRun { // those of an interrupted import are still needed
			o.Rejects = base + ".dry-run.rejects.csv"
		}
	}
	if o.Checkpoint == o.Rejects {
		return fmt.Errorf("%s cannot be both the checkpoint and the reject file", o.Rejects)
	}
	if o.stdin() {
		return nil
	}
	for _, file := range o.Files {
		input, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("examining the file: %w", err)
		}
		for _, path := range []string{o.Checkpoint, o.Rejects} {
			if other, err := os.Stat(path); err == nil && os.SameFile(input, other) {
				return fmt.Errorf("%s is the file to be imported", path)
			}
		}
	}
	return nil
}
