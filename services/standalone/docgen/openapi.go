package docgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// openAPI is the OpenAPI 3.1 document of the whole service, as indented JSON, from
// the operations that the services register.
func openAPI(services []described) ([]byte, error) {
	documents := make([]*huma.OpenAPI, len(services))
	for i, s := range services {
		documents[i] = s.Server().API.OpenAPI()
	}
	return merge(documents...)
}

// merge merges the documents of services with different routes.
func merge(documents ...*huma.OpenAPI) ([]byte, error) {
	var all map[string]any
	for _, d := range documents {
		raw, err := json.Marshal(d)
		if err != nil {
			return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
		}
		var one map[string]any
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
		}
		if all == nil {
			all = one
		} else if err := join(all, one); err != nil {
			return nil, err
		}
	}
	if err := complete(all); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(all); err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	return b.Bytes(), nil
}

// sharedDepth is the depth to which documents may have the same object with
// different members: paths and their items, components and their kinds.
const sharedDepth = 2

// join adds the members of b to a; path is where they are in the document.
func join(a, b map[string]any, path ...string) error {
	for name, value := range b {
		old, both := a[name]
		if !both {
			a[name] = value
			continue
		}
		x, xObject := old.(map[string]any)
		y, yObject := value.(map[string]any)
		switch at := append(path[:len(path):len(path)], name); {
		case xObject && yObject && len(at) <= sharedDepth:
			if err := join(x, y, at...); err != nil {
				return err
			}
		case !reflect.DeepEqual(old, value):
			return fmt.Errorf("joining the OpenAPI documents: %s differs between services", strings.Join(at, " "))
		}
	}
	return nil
}
