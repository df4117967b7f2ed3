package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"
)

// documents calls take with the number, from 1, and the JSON of each document of a file. It stops
// at the first error. A file holds YAML, or JSON, or JSON and then YAML.
func documents(data []byte, take func(n int, doc []byte) error) error {
	n, rest := 0, data
	for {
		next := trim(rest)
		if !isJSON(next) {
			break
		}
		n++
		var doc json.RawMessage
		d := json.NewDecoder(bytes.NewReader(next))
		if err := d.Decode(&doc); err != nil {
			return jsonFault(n, data, next, err)
		}
		if err := take(n, doc); err != nil {
			return err
		}
		rest = next[d.InputOffset():]
	}
	// The line breaks before rest keep YAML's line numbers right.
	before := bytes.Repeat([]byte("\n"), bytes.Count(data[:len(data)-len(rest)], []byte("\n")))
	return yamlDocuments(n, io.MultiReader(bytes.NewReader(before), bytes.NewReader(rest)), take)
}

// trim removes white space and a separator of documents from the front.
func trim(data []byte) []byte {
	data = bytes.TrimLeft(data, " \t\r\n")
	if after, ok := bytes.CutPrefix(data, []byte("---")); ok {
		if next := bytes.TrimLeft(after, " \t\r\n"); len(next) < len(after) && isJSON(next) {
			return next
		}
	}
	return data
}

// isJSON reports whether data begins with an object in JSON. YAML may have braces too, but seldom
// quotes around the keys.
func isJSON(data []byte) bool {
	inner, ok := bytes.CutPrefix(data, []byte("{"))
	inner = bytes.TrimLeft(inner, " \t\r\n")
	return ok && len(inner) > 0 && (inner[0] == '"' || inner[0] == '}')
}

// jsonFault returns the fault that rest, the last part of data, is not JSON, with its line.
func jsonFault(n int, data, rest []byte, err error) error {
	f := &fault{place: place{document: n}, reason: err.Error()}
	at := len(data)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at -= len(rest) - int(syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.reason = "ends in the middle of an object"
	}
	f.line = 1 + bytes.Count(data[:at], []byte("\n"))
	return f
}

// yamlDocuments is documents for YAML. The first document is number n+1.
func yamlDocuments(n int, r io.Reader, take func(int, []byte) error) error {
	return nodes(n, r, func(n int, node *yaml.Node) error {
		doc, err := toJSON(node)
		if err != nil {
			return yamlFault(n, err)
		}
		return take(n, doc)
	})
}

// nodes calls take with each document of YAML, the first of which is number n+1.
func nodes(n int, r io.Reader, take func(n int, node *yaml.Node) error) error {
	d := yaml.NewDecoder(r)
	for {
		n++
		var node yaml.Node
		if err := d.Decode(&node); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return yamlFault(n, err)
		}
		if err := take(n, &node); err != nil {
			return err
		}
	}
}

// toJSON writes a node as JSON. It takes times for strings, and so all keys.
func toJSON(node *yaml.Node) ([]byte, error) {
	asText(node)
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// asText makes strings of the values that YAML knows and JSON does not: times, and keys that are
// no strings.
func asText(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!timestamp" {
		node.Tag = "!!str"
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.ScalarNode && child.ShortTag() != "!!merge" {
			child.Tag = "!!str"
		}
		asText(child)
	}
}
