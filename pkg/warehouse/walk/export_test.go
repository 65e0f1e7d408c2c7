package walk

// FillMoved takes all room for what views remember of moved keys, until it is emptied.
func FillMoved() (empty func()) {
	allMoved.Add(maxAllMoved)
	return func() { allMoved.Add(-maxAllMoved) }
}

// AllMoved is how many bytes views remember of moved keys.
func AllMoved() int64 { return allMoved.Load() }
