package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	mcs "sigs.k8s.io/mcs-api/pkg/apis/v1alpha1"
)

// remarks gather what is odd about a file that can be served.
type remarks struct {
	others     map[string]bool // kinds that are of no use
	namespaces map[string]bool // whose Namespace is there
	named      map[string]bool // that Services to be served stand in
	services   map[string]bool // namespace/name
	owners     map[string]string
	headless   bool
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

// service notes a Service, and whether it is to be served.
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

// lines returns the remarks, each of which says what follows from it.
func (r *remarks) lines(cfg *Config) []string {
	var out []string
	if len(r.others) > 0 {
		out = append(out, "passing over "+some(r.others))
	}
	if lost := r.lost(); len(lost) > 0 {
		out = append(out, "no Namespace "+some(lost)+", so that no name in it exists; "+kubectl+" prints Namespaces too")
	}
	if orphans := r.orphans(); cfg.Endpoints && len(orphans) > 0 {
		out = append(out, "no Service for EndpointSlice "+some(orphans)+"; its label "+discoveryv1.LabelServiceName+" names one")
	}
	if cfg.Endpoints && r.headless && len(r.owners) == 0 {
		out = append(out, "no EndpointSlices, so that no headless Service has addresses; "+kubectl+" prints them too")
	}
	if cfg.Pods && r.pods == 0 {
		out = append(out, "no Pods, so that no name of a Pod exists; "+kubectl+" prints them too")
	}
	return out
}

// lost returns the namespaces that Services stand in and that are not there.
func (r *remarks) lost() map[string]bool {
	lost := maps.Clone(r.named)
	maps.DeleteFunc(lost, func(name string, _ bool) bool { return r.namespaces[name] })
	return lost
}

// orphans returns the slices whose Service is not there.
func (r *remarks) orphans() map[string]bool {
	orphans := map[string]bool{}
	for slice, service := range r.owners {
		if !r.services[service] {
			orphans[slice] = true
		}
	}
	return orphans
}

// some lists names in order, the first few of many.
func some(names map[string]bool) string {
	const few = 5
	list := slices.Sorted(maps.Keys(names))
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), len(list)-few)
}

// announce logs what was taken in, and what is odd about it unless the last file was so too.
func (s *Source) announce(c *contents) {
	s.reported = ""
	s.cfg.Log.Infof("%s: serving %d Services, %d EndpointSlices and %d Pods of %d Namespaces",
		s.cfg.File, len(c.services), len(c.slices), len(c.pods), len(c.namespaces))
	lines := c.remarks.lines(&s.cfg)
	if slices.Equal(lines, s.remarked) {
		return
	}
	s.remarked = lines
	for _, line := range lines {
		s.cfg.Log.Warningf("%s: %s", s.cfg.File, oneLine(line))
	}
}
