package config

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// names.txt has the settings of all services, so that each tells a sibling's
// setting from a misspelt one of its own.
//
//go:embed names.txt
var names string

// misspellings finds variables that no service knows and whose name is near a
// setting. Everything else in the environment is ignored: it belongs to others.
func misspellings(environ []string, settings []Option) mistakes {
	all := strings.Fields(names)
	own := make([]string, len(settings))
	for i, setting := range settings {
		own[i] = setting.Name
	}
	all = append(all, own...)
	var found mistakes
	for _, name := range environ {
		base, suffix := name, ""
		if trimmed, ok := strings.CutSuffix(name, "_FILE"); ok {
			base, suffix = trimmed, "_FILE"
		}
		if slices.Contains(all, name) || slices.Contains(all, base) {
			continue
		}
		if meant := nearest(base, own); meant != "" {
			found = append(found, mistake{"", fmt.Errorf("%s is no setting: did you mean %s?", name, meant+suffix)})
		}
	}
	return found
}

// nearest returns the setting that a name is near to, or "": by a slip or by words
// left out, otherwise by its family.
func nearest(name string, settings []string) string {
	upper := strings.ToUpper(name)
	for _, near := range []func(name, setting string) bool{
		func(name, setting string) bool {
			return distance(name, setting) <= allowed(name, setting) || wordsLeftOut(name, setting)
		},
		inFamily,
	} {
		best := ""
		for _, setting := range settings {
			if near(upper, setting) && (best == "" || distance(upper, setting) < distance(upper, best)) {
				best = setting
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// allowed is how many slips make a name still that of a setting. PORT is near to too
// many words: of one as short, only two letters may be swapped.
func allowed(name, setting string) int {
	switch {
	case len(setting) < 6 && !sameLetters(name, setting):
		return 0
	case len(setting) < 10:
		return 1
	}
	return 2
}

func sameLetters(a, b string) bool {
	return slices.Equal(slices.Sorted(slices.Values([]byte(a))), slices.Sorted(slices.Values([]byte(b))))
}

// families are the beginnings of names that are ours alone, so that a word too
// many or another word is a mistake: RATE_LIMIT_UPLOAD. Of other beginnings, such
// as DATABASE_, other programs have variables too.
var families = []string{"RATE_LIMIT_", "WAREHOUSE_"}

// orchestrated are the variables that Kubernetes sets for a service with a name such
// as warehouse.
var orchestrated = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_.*)$`)

// inFamily reports whether a name and a setting begin alike, in a way that only ours
// do.
func inFamily(name, setting string) bool {
	return !orchestrated.MatchString(name) && slices.ContainsFunc(families, func(family string) bool {
		return strings.HasPrefix(name, family) && strings.HasPrefix(setting, family)
	})
}

// wordsLeftOut reports whether a name is a setting's without some of its words:
// WAREHOUSE_TIMEOUT, MAX_BYTES.
func wordsLeftOut(name, setting string) bool {
	words, whole := strings.Split(name, "_"), strings.Split(setting, "_")
	if len(words) < 2 || len(words) >= len(whole) || words[0] != whole[0] {
		return false
	}
	for _, word := range words {
		at := slices.Index(whole, word)
		if at < 0 {
			return false
		}
		whole = whole[at+1:]
	}
	return true
}

// distance counts the letters to insert, leave out, replace or swap with their
// neighbour to get from a to b.
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
