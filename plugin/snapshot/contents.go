package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// contents are the records of a whole file.
type contents struct {
	namespaces []string
	services   []*zone.Service
	slices     []*zone.Slice
	pods       []*zone.Pod
	imports    []*zone.Service
	imported   []*zone.Slice

	skipped []object.Problem // parts that can't be served, but that an API server accepts
	remarks remarks
}

// write makes the records the only ones. It writes slices before their Services, and namespaces
// after all that stands in them, so that nobody finds half of a new Service or namespace.
func (c *contents) write(cfg *Config) {
	w := cfg.Writer
	if cfg.Endpoints {
		w.ReplaceSlices(zone.Local, "", c.slices)
	}
	w.ReplaceServices(zone.Local, "", c.services)
	if cfg.Imports {
		w.ReplaceSlices(zone.Imported, "", c.imported)
		w.ReplaceServices(zone.Imported, "", c.imports)
	}
	if cfg.Pods {
		w.ReplacePods("", c.pods)
	}
	w.ReplaceNamespaces("", c.namespaces)
	w.SetSynced()
	for _, p := range c.skipped {
		cfg.Translator.Skipped(p)
	}
}

// remarks gather what is odd about a file, although it can be served.
type remarks struct {
	others     map[string]bool   // kinds that make no records
	namespaces map[string]bool   // namespaces whose Namespace is in the file
	named      map[string]bool   // namespaces of Services that are served
	services   map[string]bool   // as namespace/name
	owners     map[string]string // of slices: the Service, both as namespace/name
	headless   bool              // a headless Service is served
	pods       int
}

func newRemarks() remarks {
	return remarks{
		others:     map[string]bool{},
		namespaces: map[string]bool{},
		named:      map[string]bool{},
		services:   map[string]bool{},
		owners:     map[string]string{},
	}
}

// service notes a Service, and whether it is served.
func (r *remarks) service(o *raw, v *corev1.Service, served bool) {
	r.services[o.name()] = true
	if served {
		r.named[o.Metadata.Namespace] = true
		r.headless = r.headless || v.Spec.ClusterIP == corev1.ClusterIPNone
	}
}

// slice notes which Service a slice belongs to. Imported ones belong to no Service.
func (r *remarks) slice(o *raw) {
	if _, imported := o.Metadata.Labels[mcs.LabelServiceName]; !imported {
		r.owners[o.name()] = o.Metadata.Namespace + "/" + o.Metadata.Labels[discoveryv1.LabelServiceName]
	}
}

// lines returns the remarks. Each says what follows from it.
func (r *remarks) lines(cfg *Config) []string {
	var out []string
	if len(r.others) > 0 {
		out = append(out, "passing over "+some(r.others))
	}
	if lost := r.lost(); len(lost) > 0 {
		out = append(out, "no Namespace "+some(lost)+", so none of its names exist; "+kubectl+" prints Namespaces too")
	}
	if orphans := r.orphans(); cfg.Endpoints && len(orphans) > 0 {
		out = append(out, "no Service for EndpointSlice "+some(orphans)+"; its label "+discoveryv1.LabelServiceName+" names one")
	}
	if cfg.Endpoints && r.headless && len(r.owners) == 0 {
		out = append(out, "no EndpointSlices, so no headless Service has addresses; "+kubectl+" prints them too")
	}
	if cfg.Pods && r.pods == 0 {
		out = append(out, "no Pods, so no name of a Pod exists; "+kubectl+" prints them too")
	}
	return out
}

// lost returns the namespaces of Services whose Namespace is not in the file.
func (r *remarks) lost() map[string]bool {
	lost := maps.Clone(r.named)
	maps.DeleteFunc(lost, func(name string, _ bool) bool { return r.namespaces[name] })
	return lost
}

// orphans returns the slices whose Service is not in the file.
func (r *remarks) orphans() map[string]bool {
	orphans := map[string]bool{}
	for slice, service := range r.owners {
		if !r.services[service] {
			orphans[slice] = true
		}
	}
	return orphans
}

// some lists names in order. Of many, it lists the first few.
func some(names map[string]bool) string {
	const few = 5
	list := slices.Sorted(maps.Keys(names))
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), len(list)-few)
}
