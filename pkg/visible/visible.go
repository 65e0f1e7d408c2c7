// Package visible tells which characters people can see.
package visible

import "unicode"

// blank are characters that Unicode counts as letters, marks or symbols and fonts
// show as nothing.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // Braille without a dot
		{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // stands for an object
	},
	R32: []unicode.Range32{
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan filler
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // note without a head
	},
}

// Ignorable reports whether r is shown as nothing at all, not even as a space: a
// character that controls its neighbours (Default_Ignorable_Code_Point), or a blank
// one.
func Ignorable(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point, blank) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// Rune reports whether r is something to see: no space, control character or
// Ignorable one.
func Rune(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !Ignorable(r)
}
