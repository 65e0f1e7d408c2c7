package noisy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"eventanalytics/tests/harness/stack"
)

// sizes are what docker-compose.yml gives the services, in bytes.
type sizes struct {
	memory   map[string]int64
	bodies   int64             // of the folder in which the gateway keeps bodies
	postgres map[string]string // settings
	redis    []string          // arguments
}

func readSizes() (*sizes, error) {
	root, err := stack.Root()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		return nil, fmt.Errorf("reading the sizes of services: %w", err)
	}
	var file struct {
		Services map[string]struct {
			Memory  string `yaml:"mem_limit"`
			Tmpfs   []string
			Command yaml.Node
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading the sizes of services: %w", err)
	}
	s := &sizes{memory: map[string]int64{}, postgres: map[string]string{}}
	for _, name := range names {
		if s.memory[name], err = size(file.Services[name].Memory); err != nil {
			return nil, fmt.Errorf("reading mem_limit of %s: %w", name, err)
		}
	}
	var command []string
	node := file.Services["postgres"].Command
	if err := node.Decode(&command); err != nil {
		return nil, fmt.Errorf("reading the command of postgres: %w", err)
	}
	for _, argument := range command {
		if name, value, ok := strings.Cut(argument, "="); ok {
			s.postgres[name] = value
		}
	}
	if len(s.postgres) == 0 {
		return nil, errors.New("reading the command of postgres: it has no settings")
	}
	for _, mount := range file.Services["gateway"].Tmpfs {
		if text, ok := strings.CutPrefix(mount, "/var/cache/nginx:size="); ok {
			s.bodies, err = size(text)
			return s, err
		}
	}
	return nil, fmt.Errorf("reading the sizes of services: the gateway has no folder for bodies")
}

// size reads a number of bytes with a unit of Docker's.
func size(text string) (int64, error) {
	units := map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
	for unit, bytes := range units {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			return n * bytes, err
		}
	}
	return 0, fmt.Errorf("%q is no size", text)
}
