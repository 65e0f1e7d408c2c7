package oracle

import "time"

// Incomplete says whether events may be missing from the bucket with a label: those
// outside of the local days from…to, or those at until or later.
func Incomplete(unit, label, from, to string, zone *time.Location, until time.Time) bool {
	if unit == "minute" || unit == "hour" {
		begin, err := time.Parse(time.RFC3339, label)
		if err != nil {
			panic(err) // it is one of ours
		}
		end := begin.Add(time.Minute)
		for unit == "hour" && !beginsHour(end, zone) {
			end = end.Add(time.Minute)
		}
		return end.After(until)
	}
	last := addDays(step(unit, label, 1), -1)
	for day := label; day <= last; day = addDays(day, 1) {
		if _, _, exists := bounds(day, day, zone); exists && (day < from || day > to) {
			return true
		}
	}
	_, end, _ := bounds(label, last, zone)
	return end.After(until)
}
