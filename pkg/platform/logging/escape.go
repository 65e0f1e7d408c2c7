package logging

import (
	"bytes"
	"fmt"
	"unicode"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// escaped is an encoder of lines that are safe to read in a terminal. zap escapes
// the control characters below U+0020; the rest of them, such as U+009B, begin
// terminal sequences just as well, and format characters such as U+202E reorder
// what is read. A line of either format stays what it was otherwise.
type escaped struct{ zapcore.Encoder }

func (e escaped) Clone() zapcore.Encoder { return escaped{e.Encoder.Clone()} }

func (e escaped) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil || bytes.IndexFunc(line.Bytes(), unsafe) < 0 {
		return line, err
	}
	text := line.String()
	line.Reset()
	for _, c := range text {
		switch {
		case !unsafe(c):
			line.AppendString(string(c))
		case c > 0xffff: // JSON has no longer escape; tags and the like are only dropped
			line.AppendString(string(unicode.ReplacementChar))
		default:
			line.AppendString(fmt.Sprintf("\\u%04x", c))
		}
	}
	return line, nil
}

// unsafe reports whether a character does something to a terminal, or to the order
// in which it shows a line. Tabs and line ends are the encoder's own.
func unsafe(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && c != '\n' && c != '\t'
}
