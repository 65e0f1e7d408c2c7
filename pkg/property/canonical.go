package property

// Canonical returns a value that compares as v does: the same for all of its kind with
// its text, however strings and numbers were written.
func (v Value) Canonical() Value {
	if v.IsText() {
		return OfText(v.Text())
	}
	return Value{v.Text()}
}
