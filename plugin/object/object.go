// Package object translates Kubernetes API objects to the records of package zone.
//
// What an object leaves of itself is its records alone: no record refers to memory of the
// object it comes from other than single strings, and strings that many objects share are
// stored once.
package object

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unique"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Translator turns API objects into records. It may be used by several goroutines at once.
type Translator struct {
	PodNames bool          // name endpoints that have no host name after their Pod
	Zonal    bool          // keep endpoints' topology zones
	Labels   bool          // keep Pods' labels
	Local    int           // octets of the longest zone that Services are served in, 0 if none is
	Imported int           // the same of ServiceImports
	Skipped  func(Problem) // told of each part that could not be used; must not be nil
}

// Problem tells which part of an object could not be used, and why. The API server lets
// few such objects pass; files and other servers may hold anything.
type Problem struct {
	Kind      string // as in the object: Service
	Namespace string
	Name      string
	Field     string // where it stands: endpoints[3].hostname
	Reason    string
	TooLong   bool // a part without a fault, but with a name that is longer than DNS has them
}

// String returns the problem as one line for a log.
func (p Problem) String() string {
	return fmt.Sprintf("%s of %s %s/%s: %s", p.Field, p.Kind, p.Namespace, p.Name, p.Reason)
}

// Error returns what String does.
func (p Problem) Error() string { return p.String() }

// subject is the object being translated.
type subject struct {
	*Translator
	kind string
	meta *metav1.ObjectMeta
}

// skip reports a part that is left out.
func (s subject) skip(field, reason string, args ...any) {
	s.Skipped(Problem{
		Kind:      s.kind,
		Namespace: s.meta.Namespace,
		Name:      s.meta.Name,
		Field:     field,
		Reason:    fmt.Sprintf(reason, args...),
	})
}

// tooLong reports a part that is in order, but has no name for its length.
func (s subject) tooLong(field, reason string, args ...any) {
	s.Skipped(Problem{
		Kind:      s.kind,
		Namespace: s.meta.Namespace,
		Name:      s.meta.Name,
		Field:     field,
		Reason:    fmt.Sprintf(reason, args...),
		TooLong:   true,
	})
}

// recovered is deferred by each translation: an object that makes it panic is left out, and
// takes nothing else with it.
func recovered[R any](s subject, record **R) {
	if v := recover(); v != nil {
		*record = nil
		s.skip("object", "translating it panicked: %v", v)
	}
}

// label returns value in lower case, if it can be a label of a name.
func (s subject) label(field, value string) (string, bool) {
	lower := strings.ToLower(value)
	if !isLabel(lower) {
		s.skip(field, "%.80q is not a DNS label", value)
		return "", false
	}
	return lower, true
}

// addrs parses the addresses that the function given tells, without repetitions. Objects
// have no address yet where the text is empty.
func addrs[T any](s subject, field string, list []T, text func(T) string) []netip.Addr {
	out := make([]netip.Addr, 0, len(list))
	for i, v := range list {
		t := text(v)
		addr, ok := parseAddr(t)
		if !ok && t != "" {
			s.notAddr(fmt.Sprintf("%s[%d]", field, i), t)
		}
		if ok && !slices.Contains(out, addr) {
			out = append(out, addr)
		}
	}
	return fit(out)
}

// notAddr reports a text that is no address.
func (s subject) notAddr(field, text string) { s.skip(field, "%.80q is not an IP address", text) }

// parseAddr parses an address that means the same everywhere: one without an IPv6 zone.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// isLabel reports whether s is a label as RFC 1123 defines it, in lower case. That is how
// Kubernetes names what DNS is to serve.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// intern returns s in lower case. Equal strings that it returned share their memory, as
// long as no garbage collection lay between.
func intern(s string) string { return share(strings.ToLower(s)) }

// share returns s, with the effect of intern.
func share(s string) string { return unique.Make(s).Value() }

// fit returns list without spare room, nil if it is empty.
func fit[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	if len(list) == cap(list) {
		return list
	}
	exact := make([]T, len(list))
	copy(exact, list)
	return exact
}
