package snapshot

import (
	stdjson "encoding/json"
	"errors"
	"strings"

	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/json"
)

// kubectl is the command that prints such a file.
const kubectl = "kubectl get ns,svc,endpointslices,pods -A -o yaml"

// raw is one object as JSON, with its place and its header.
type raw struct {
	place
	header
	json []byte
}

// header is the part that all kinds of objects have.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace string            `json:"namespace"`
		Name      string            `json:"name"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
}

// name returns the object's name, after its namespace if it has one.
func (h *header) name() string {
	if h.Metadata.Namespace == "" || h.Metadata.Name == "" {
		return h.Metadata.Name
	}
	return h.Metadata.Namespace + "/" + h.Metadata.Name
}

// fault returns the fault that something is wrong with a field of the object.
func (o *raw) fault(field path, reason string) error {
	return &fault{
		place:  o.place,
		object: strings.TrimSpace(o.Kind + " " + o.name()),
		field:  field,
		reason: reason,
	}
}

// decode reads an object into its type. It passes over fields that the type lacks, as newer
// clusters have more. A field that appears twice is a fault.
func decode[T any](o *raw) (*T, error) {
	value := new(T)
	twice, err := json.UnmarshalStrict(o.json, value, json.DisallowDuplicateFields)
	if err != nil {
		field, err := blame(o.json, func(part []byte) error { return kjson.Unmarshal(part, new(T)) })
		return nil, o.fault(field, decodeReason(err))
	}
	var field json.FieldError
	if len(twice) > 0 && errors.As(twice[0], &field) {
		return nil, o.fault(parsePath(field.FieldPath()), "appears twice")
	}
	return value, nil
}

// has reports whether the object has the field.
func (o *raw) has(field path) bool {
	var tree any
	if err := kjson.Unmarshal(o.json, &tree); err != nil {
		return false
	}
	for _, step := range field {
		switch v := tree.(type) {
		case map[string]any:
			key, _ := step.(string)
			if tree = v[key]; tree == nil {
				return false
			}
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(v) {
				return false
			}
			tree = v[i]
		default:
			return false
		}
	}
	return true
}

// objects calls take with the object that document n holds or, if it is a List, with each item.
func objects(n int, doc []byte, take func(o *raw) error) error {
	whole := &raw{place: place{document: n}, json: doc}
	if string(doc) == "null" { // nothing between two separators
		return nil
	}
	if doc[0] != '{' {
		return whole.fault(nil, "not a Kubernetes object; "+kubectl+" prints such objects")
	}
	h, err := decode[header](whole)
	if err != nil {
		return err
	}
	whole.header = *h
	if !strings.HasSuffix(h.Kind, "List") {
		return take(whole)
	}
	list, err := decode[struct {
		Items []stdjson.RawMessage `json:"items"`
	}](whole)
	if err != nil {
		return err
	}
	for i, item := range list.Items {
		o := &raw{place: place{n, i + 1}, json: item}
		if err := o.readHeader(h); err != nil {
			return err
		}
		if err := take(o); err != nil {
			return err
		}
	}
	return nil
}

// readHeader reads the header of a list's item. The API leaves kind and version out of the items
// of a ServiceList: they follow from the list's own.
func (o *raw) readHeader(list *header) error {
	h, err := decode[header](o)
	if err != nil {
		return err
	}
	o.header = *h
	if kind := strings.TrimSuffix(list.Kind, "List"); o.Kind == "" && kind != "" {
		o.Kind, o.APIVersion = kind, list.APIVersion
	}
	return nil
}
