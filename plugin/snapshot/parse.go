package snapshot

import (
	"errors"
	"slices"
	"strings"

	"github.com/neardns/neardns/plugin/object"
	"k8s.io/apimachinery/pkg/labels"
)

// parser gathers the records of a file.
type parser struct {
	cfg       *Config
	translate *object.Translator // reports to problems
	problems  []object.Problem   // of the object being translated
	seen      map[identity]place
	contents
}

// identity is what two objects can't share.
type identity struct{ kind, name string }

// parse returns the records that data holds, filtered as cfg says. An error is a *fault.
func parse(data []byte, cfg *Config) (*contents, error) {
	p := newParser(cfg)
	err := documents(data, func(n int, doc []byte) error { return objects(n, doc, p.add) })
	if err == nil && len(p.seen) == 0 {
		err = &fault{reason: "nothing to serve in it; " + kubectl + " prints what can be"}
	}
	var f *fault
	if errors.As(err, &f) && f.line == 0 {
		f.line = lineOf(data, f.place, f.field)
	}
	if err != nil {
		return nil, err
	}
	return &p.contents, nil
}

func newParser(cfg *Config) *parser {
	p := &parser{cfg: cfg, seen: map[identity]place{}}
	t := *cfg.Translator
	t.Skipped = func(problem object.Problem) { p.problems = append(p.problems, problem) }
	p.translate = &t
	p.remarks = newRemarks()
	return p
}

// add takes one object, or passes over it if its kind is of no use.
func (p *parser) add(o *raw) error {
	switch {
	case o.APIVersion == "":
		return o.fault(path{"apiVersion"}, "missing")
	case o.Kind == "":
		return o.fault(path{"kind"}, "missing")
	}
	switch o.APIVersion + " " + o.Kind {
	case "v1 Namespace":
		return p.namespace(o)
	case "v1 Service":
		return p.service(o)
	case "discovery.k8s.io/v1 EndpointSlice":
		return p.slice(o)
	case "v1 Pod":
		return p.pod(o)
	case "multicluster.x-k8s.io/v1alpha1 ServiceImport", "multicluster.x-k8s.io/v1beta1 ServiceImport":
		return p.serviceImport(o)
	}
	p.remarks.others[o.Kind+" ("+o.APIVersion+")"] = true
	return nil
}

// name checks what names the object, and that no other has the same name.
func (p *parser) name(o *raw, namespaced bool) error {
	switch {
	case o.Metadata.Name == "":
		return o.fault(path{"metadata", "name"}, "missing")
	case namespaced && o.Metadata.Namespace == "":
		return o.fault(path{"metadata", "namespace"}, "missing")
	}
	id := identity{o.Kind, strings.ToLower(o.name())} // DNS knows no letter case
	if first, ok := p.seen[id]; ok {
		return o.fault(path{"metadata", "name"}, "already taken by "+first.String())
	}
	p.seen[id] = o.place
	return nil
}

// settle turns what the Translator could not use into a fault, unless an API server lets it
// pass, so that a file printed by a cluster is never refused.
func (p *parser) settle(o *raw) error {
	for _, problem := range p.problems {
		field := parsePath(problem.Field)
		if !problem.TooLong && !passes(field) {
			return o.fault(o.written(field), problem.Reason)
		}
	}
	p.skipped = append(p.skipped, p.problems...)
	p.problems = nil
	return nil
}

// older are the fields that a newer one took the place of, by that one. A cluster prints both.
var older = map[string]path{
	"spec.clusterIPs[0]": {"spec", "clusterIP"},
	"status.podIPs[0]":   {"status", "podIP"},
}

// written returns the field that the file has: the one given, or the older one that says the same.
func (o *raw) written(field path) path {
	if p, ok := older[field.String()]; ok && !o.has(field) {
		return p
	}
	return field
}

// passes reports whether an API server lets the field hold what DNS can't serve: a target
// that is an address, endpoints that are names, any text in a label or as a topology zone.
func passes(field path) bool {
	s := field.String()
	return s == "spec.externalName" || s == "addressType" ||
		len(field) > 1 && field[1] == any("labels") || len(field) == 3 && field[2] == any("zone")
}

// serves reports whether an object belongs to what is to be served.
func (p *parser) serves(o *raw) bool {
	return p.among(o.Metadata.Namespace) && matches(p.cfg.Labels, o)
}

func (p *parser) among(namespace string) bool {
	return len(p.cfg.Namespaces) == 0 || slices.Contains(p.cfg.Namespaces, namespace)
}

func matches(s labels.Selector, o *raw) bool {
	return s == nil || s.Matches(labels.Set(o.Metadata.Labels))
}
