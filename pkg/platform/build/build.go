// Package build says what was built: the version and the commit that the Go
// toolchain noted in the binary.
package build

import (
	"fmt"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// unknown stands for what the toolchain did not note.
const unknown = "unknown"

// Info returns the main module's version, "(devel)" for one without a tag, and
// the commit; either is "unknown" when the toolchain did not note it.
func Info() (version, commit string) {
	version, commit = unknown, unknown
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	return version, commit
}

// Line is what a program says of its version: its name, version and commit.
func Line(program string) string {
	version, commit := Info()
	return fmt.Sprintf("%s %s, commit %s", program, version, commit)
}

// VersionCommand is the command "version" of every binary.
type VersionCommand struct{}

// Run prints the program's Line.
func (VersionCommand) Run(k *kong.Kong) error {
	_, err := fmt.Fprintln(k.Stdout, Line(k.Model.Name))
	return err
}
