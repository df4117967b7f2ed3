package api

import (
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// selection says which objects of a resource are asked for.
type selection struct {
	namespace string
	labels    labels.Selector
	fields    fields.Selector
}

func newSelection(r *http.Request, namespace string) (selection, error) {
	byLabel, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return selection{}, err
	}
	byField, err := fields.ParseSelector(r.URL.Query().Get("fieldSelector"))
	if err != nil {
		return selection{}, err
	}
	return selection{namespace, byLabel, byField}, nil
}

func (s selection) of(items []item) []item {
	var chosen []item
	for _, it := range items {
		inside := s.namespace == "" || s.namespace == it.namespace
		if inside && s.labels.Matches(it.labels) && s.fields.Matches(it.fields) {
			chosen = append(chosen, it)
		}
	}
	return chosen
}

// split takes the namespace out of the path of a namespaced collection:
// /api/v1/namespaces/NAMESPACE/services becomes /api/v1/services.
func split(path string) (collection, namespace string) {
	before, after, found := strings.Cut(path, "/namespaces/")
	if !found {
		return path, ""
	}
	namespace, plural, _ := strings.Cut(after, "/")
	return before + "/" + plural, namespace
}
