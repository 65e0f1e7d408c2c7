package bugs

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// TestCompile checks the package that each bug is in: an edit that no longer fits, or
// does not compile, says nothing about the tests.
func TestCompile(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	seen := map[string]bool{}
	var all []string
	for _, bug := range All() {
		require.False(t, seen[bug.Name], "there are two bugs %s", bug.Name)
		seen[bug.Name] = true
		require.NotEmpty(t, bug.About)
		all = append(all, bug.folders()...)
	}
	slices.Sort(all)
	built := list(t, root, slices.Compact(all))
	for _, bug := range All() {
		t.Run(bug.Name, func(t *testing.T) {
			t.Parallel()
			texts, err := apply(root, bug.Edits)
			require.NoError(t, err)
			folders := bug.folders()
			if len(folders) == 1 {
				require.NoError(t, built.check(root, folders[0], texts))
				return
			}
			// The packages may need each other's edits.
			overlay, err := Overlay(t.TempDir(), bug)
			require.NoError(t, err)
			for _, folder := range folders {
				cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, ".")
				cmd.Dir = filepath.Join(root, folder)
				cmd.Env = append(cmd.Environ(), "GOWORK=off")
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
		})
	}
}

// folders are those of the packages that a bug edits.
func (b Bug) folders() []string {
	var folders []string
	for _, e := range b.Edits {
		folders = append(folders, path.Dir(e.File))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// listed is what go list says of packages and all that they import. To check an edited
// package's types takes a twentieth of the time that go build takes to find out that
// the others are up to date.
type listed struct {
	files   map[string][]string // of a package, by its folder
	exports map[string]string   // files that the compiler wrote for importers, by path
}

func list(t *testing.T, root string, folders []string) listed {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=Dir,ImportPath,GoFiles,Export"}
	for _, folder := range folders {
		args = append(args, "./"+folder)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(cmd.Environ(), "GOWORK=") // of several modules
	out, err := cmd.Output()
	require.NoError(t, err)
	found := listed{files: map[string][]string{}, exports: map[string]string{}}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir, ImportPath, Export string
			GoFiles                 []string
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found.files[p.Dir], found.exports[p.ImportPath] = p.GoFiles, p.Export
	}
}

// check checks the types of the package in a folder, with the texts of edited files.
func (l listed) check(root, folder string, texts map[string]string) error {
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range l.files[filepath.Join(root, folder)] {
		var text any // the file's own
		if edited, ok := texts[path.Join(folder, name)]; ok {
			text = edited
		}
		file, err := parser.ParseFile(set, filepath.Join(root, folder, name), text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return errors.New("no package is in " + folder)
	}
	config := types.Config{
		Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(l.exports[path]) }),
		Sizes:    types.SizesFor("gc", runtime.GOARCH),
	}
	_, err := config.Check(folder, set, files, nil)
	return err
}

// TestCompileFindsWhatDoesNot makes the mistakes that edits have had.
func TestCompileFindsWhatDoesNot(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	const file = "pkg/platform/failpoint/off.go"
	built := list(t, root, []string{path.Dir(file)})
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	require.NoError(t, err)
	require.NoError(t, built.check(root, path.Dir(file), nil))
	for name, more := range map[string]string{
		"syntax":          "\nfunc",
		"unused variable": "\nfunc f() { n := 1 }\n",
		"unknown name":    "\nvar _ = nobody\n",
		"type":            "\nvar _ int = \"\"\n",
		"unused import":   "\x00",
	} {
		edited := string(text) + more
		if name == "unused import" {
			edited = strings.Replace(string(text), "package failpoint\n", "package failpoint\n\nimport \"os\"\n", 1)
		}
		require.Error(t, built.check(root, path.Dir(file), map[string]string{file: edited}), name)
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	const file = "pkg/platform/failpoint/off.go"
	for name, edit := range map[string]Edit{
		"gone":      {File: file, Old: "nowhere to be found"},
		"ambiguous": {File: file, Old: "failpoint"},
		"no file":   {File: "pkg/platform/failpoint/none.go", Old: "x"},
	} {
		_, err := Overlay(t.TempDir(), Bug{Name: "some-bug", Edits: []Edit{edit}})
		require.ErrorContains(t, err, "some-bug", name)
	}
}

// TestUntouched checks that every edit changes its text.
func TestUntouched(t *testing.T) {
	t.Parallel()
	for _, bug := range All() {
		require.NotEmpty(t, bug.Edits, bug.Name)
		for _, edit := range bug.Edits {
			require.NotEqual(t, edit.Old, edit.New, bug.Name)
		}
	}
}
