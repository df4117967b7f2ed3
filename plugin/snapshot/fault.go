package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// place tells which object of a file is meant. Numbers begin with 1; item is 0 for what
// does not stand in a List.
type place struct{ document, item int }

// String returns the place as a fault names it.
func (p place) String() string {
	if p.item == 0 {
		return fmt.Sprintf("document %d", p.document)
	}
	return fmt.Sprintf("document %d, item %d", p.document, p.item)
}

// fault is why a file can't be used.
type fault struct {
	place
	object string // "Service my-ns/my-svc", as far as it is known
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

// oneLine keeps what a file says from breaking a log's lines.
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

// decodeReason says what is wrong with a value in words of JSON rather than Go.
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
