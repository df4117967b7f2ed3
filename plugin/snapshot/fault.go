package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// place is the place of an object in a file. Numbers begin with 1. item is 0 if the object does
// not stand in a List.
type place struct{ document, item int }

// String returns the place for an error text.
func (p place) String() string {
	if p.item == 0 {
		return fmt.Sprintf("document %d", p.document)
	}
	return fmt.Sprintf("document %d, item %d", p.document, p.item)
}

// fault is why a file can't be used.
type fault struct {
	place
	object string // "Service my-ns/my-svc", or less if that is not known
	field  path
	reason string
	line   int // 0 if unknown
}

// Error returns the fault in one line, without the name of the file.
func (f *fault) Error() string {
	var b strings.Builder
	if f.document > 0 {
		b.WriteString(f.place.String())
		if f.object != "" {
			fmt.Fprintf(&b, " (%s)", f.object)
		}
		b.WriteString(": ")
	}
	if len(f.field) > 0 {
		b.WriteString(f.field.String() + ": ")
	}
	b.WriteString(f.reason)
	if f.line > 0 {
		fmt.Fprintf(&b, " (line %d)", f.line)
	}
	return oneLine(b.String())
}

// oneLine replaces control characters, so that no text from a file can break a line of the log.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// yamlFault takes the line number out of an error of the YAML library.
func yamlFault(n int, err error) error {
	f := &fault{place: place{document: n}, reason: strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "json: ")}
	var several *yaml.TypeError
	if errors.As(err, &several) && len(several.Errors) > 0 {
		f.reason = several.Errors[0]
	}
	parts := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(f.reason)
	if parts != nil {
		f.line, _ = strconv.Atoi(parts[1])
		f.reason = parts[2]
	}
	return f
}

// decodeReason says what is wrong with a value, in words of JSON rather than Go.
func decodeReason(err error) string {
	var t *json.UnmarshalTypeError
	if !errors.As(err, &t) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return fmt.Sprintf("is %s, wants %s", valueWords(t.Value), typeWords(t.Type))
}

func valueWords(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "a mapping"
	case "bool":
		return "true or false"
	case "string", "number":
		return "a " + value
	}
	return value // "number 1.5"
}

func typeWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	}
	return "a number (" + t.Kind().String() + ")"
}

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

// blame finds the field for which decode fails, by passing ever smaller parts of doc to it. The
// errors of the decoders of Kubernetes' types name no index, and for types that decode
// themselves no field at all.
func blame(doc []byte, decode func([]byte) error) (path, error) {
	var tree any
	if err := kjson.Unmarshal(doc, &tree); err != nil {
		return nil, err
	}
	return narrow(nil, tree, decode, decode(doc))
}

// narrow returns the innermost part that fails of value, which stands at p, and its error.
func narrow(p path, value any, decode func([]byte) error, err error) (path, error) {
	if err := decode(wrap(p, emptied(value))); err != nil && len(p) > 0 {
		return p, err // not because of what it holds
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

// wrap returns the JSON of an object that holds value at p and nothing else.
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

// lineOf returns the line of a field. If the field is missing, it returns the line of the nearest
// thing around it; if it can't find that, 0. It reads the file once more, as YAML, which includes
// JSON.
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

// child returns what stands one step below node, and the node where that begins.
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
