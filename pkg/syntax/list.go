package syntax

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// kind is how the items of a list are read.
type kind[T any] struct {
	plural string
	most   int
	text   func(string) (T, error)
	json   func(jsontext.Value) (T, error)
}

// parse reads the texts of a repeated parameter: each is an item, or JSON that is an item
// or an array of them.
func (k kind[T]) parse(texts []string) ([]T, error) {
	var items []any // string or jsontext.Value
	isList := len(texts) > 1
	for i, text := range texts {
		if !IsJSON(text) {
			items = append(items, text)
			continue
		}
		v, err := valid([]byte(text))
		if err != nil {
			return nil, At(place(i, isList), err)
		}
		if v.Kind() != '[' {
			items = append(items, v)
			continue
		}
		isList = true
		for _, one := range elements(v) {
			items = append(items, one)
		}
	}
	return k.read(items, isList)
}

// parseJSON reads JSON that is an item or an array of them.
func (k kind[T]) parseJSON(data []byte) ([]T, error) {
	v, err := valid(data)
	if err != nil {
		return nil, At("", err)
	}
	return k.of(v)
}

// of reads JSON that is valid.
func (k kind[T]) of(v jsontext.Value) ([]T, error) {
	if v.Kind() != '[' {
		return k.read([]any{v}, false)
	}
	var items []any
	for _, one := range elements(v) {
		items = append(items, one)
	}
	return k.read(items, true)
}

func (k kind[T]) read(items []any, isList bool) ([]T, error) {
	if len(items) > k.most {
		return nil, At("", fmt.Errorf("has %d %s, at most %d are allowed", len(items), k.plural, k.most))
	}
	var all []T
	for i, item := range items {
		var one T
		var err error
		switch v := item.(type) {
		case string:
			one, err = k.text(v)
			err = quoted(v, err)
		case jsontext.Value:
			one, err = k.json(v)
		}
		if err != nil {
			return nil, At(place(i, isList), err)
		}
		all = append(all, one)
	}
	return all, nil
}

// one reads JSON that is one item.
func (k kind[T]) one(data []byte) (item T, err error) {
	v, err := valid(data)
	if err == nil {
		item, err = k.json(v)
	}
	return item, At("", err)
}

func place(i int, isList bool) string {
	if isList {
		return fmt.Sprintf("[%d]", i)
	}
	return ""
}

// ofText makes the reader of JSON strings from one of texts.
func ofText[T any](what string, read func(string) (T, error)) func(jsontext.Value) (T, error) {
	return func(v jsontext.Value) (one T, err error) {
		if v.Kind() != '"' {
			return one, notA(v, what)
		}
		one, err = read(textOf(v))
		return one, quoted(textOf(v), err)
	}
}

// nameOf reads what a series or formula is called in the rows.
var nameOf = ofText("a text", func(text string) (string, error) {
	if text == "" {
		return "", errors.New("is empty")
	}
	return text, checkText(text, maxName)
})

// maxName is the maximum number of code points of a name, or of an event type.
const maxName = 200
