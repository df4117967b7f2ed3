package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// path leads from an object to one of its fields: keys (string) and indices (int).
type path []any

// String writes a path as Kubernetes does: spec.ports[0].port, metadata.labels[a.b/c].
func (p path) String() string {
	var b strings.Builder
	for _, step := range p {
		key, ok := step.(string)
		switch {
		case !ok || strings.ContainsAny(key, ".[]"):
			fmt.Fprintf(&b, "[%v]", step)
		case b.Len() > 0:
			b.WriteString("." + key)
		default:
			b.WriteString(key)
		}
	}
	return b.String()
}

// parsePath reads what String writes.
func parsePath(s string) path {
	var p path
	for s != "" {
		var step string
		if inner, ok := strings.CutPrefix(s, "["); ok {
			step, s, _ = strings.Cut(inner, "]")
		} else {
			end := strings.IndexAny(s, ".[")
			if end < 0 {
				end = len(s)
			}
			step, s = s[:end], s[end:]
		}
		s = strings.TrimPrefix(s, ".")
		if n, err := strconv.Atoi(step); err == nil {
			p = append(p, n)
		} else {
			p = append(p, step)
		}
	}
	return p
}

// blame finds the field for which decode fails, by offering it ever smaller parts of doc.
// The decoders of Kubernetes' types tell neither an index nor, for types that decode
// themselves, any field.
func blame(doc []byte, decode func([]byte) error) (path, error) {
	var tree any
	if err := kjson.Unmarshal(doc, &tree); err != nil {
		return nil, err
	}
	return narrow(nil, tree, decode, decode(doc))
}

// narrow returns the innermost part of value, which stands at p, that fails.
func narrow(p path, value any, decode func([]byte) error, err error) (path, error) {
	if err := decode(wrap(p, emptied(value))); err != nil && len(p) > 0 {
		return p, err // whatever it holds
	}
	for step, child := range children(value) {
		next := append(slices.Clip(p), step)
		if err := decode(wrap(next, child)); err != nil {
			return narrow(next, child, decode, err)
		}
	}
	return p, err
}

// emptied returns value without its fields or elements.
func emptied(value any) any {
	switch value.(type) {
	case map[string]any:
		return map[string]any{}
	case []any:
		return []any{}
	}
	return value
}

// children yields a value's fields or elements.
func children(value any) func(yield func(any, any) bool) {
	return func(yield func(any, any) bool) {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if !yield(key, v[key]) {
					return
				}
			}
		case []any:
			for i, child := range v {
				if !yield(i, child) {
					return
				}
			}
		}
	}
}

// wrap returns the JSON of an object that holds nothing but value at p.
func wrap(p path, value any) []byte {
	for _, step := range slices.Backward(p) {
		if key, ok := step.(string); ok {
			value = map[string]any{key: value}
		} else {
			value = []any{value}
		}
	}
	doc, err := json.Marshal(value)
	if err != nil { // decoded values can always be encoded
		return nil
	}
	return doc
}

// errFound ends a search.
var errFound = errors.New("found")

// lineOf returns the line of a field, of the nearest thing around it if it is missing, or
// 0 if it can't be told. It reads the file once more, as YAML, which JSON is a part of.
func lineOf(data []byte, at place, p path) (line int) {
	const patience = 4 << 20 // some 500 ms
	if len(data) > patience {
		return 0
	}
	if at.item > 0 {
		p = append(path{"items", at.item - 1}, p...)
	}
	_ = nodes(0, bytes.NewReader(data), func(n int, node *yaml.Node) error {
		if n != at.document {
			return nil
		}
		line = findLine(node, p)
		return errFound
	})
	return line
}

func findLine(node *yaml.Node, p path) int {
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	line := node.Line
	for _, step := range p {
		key, value := child(node, step)
		if value == nil {
			break
		}
		line, node = key.Line, value
	}
	return line
}

// child returns what stands at one step below node, and where that begins.
func child(node *yaml.Node, step any) (key, value *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for i, c := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode && step == any(i):
			return c, c
		case node.Kind == yaml.MappingNode && i%2 == 0 && step == any(c.Value) && i+1 < len(node.Content):
			return c, node.Content[i+1]
		}
	}
	return nil, nil
}
