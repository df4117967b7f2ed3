// Package object translates Kubernetes API objects to the records of package zone, and these to objects.
//
// Nothing of an object stays in memory but its records: a record refers to no memory of its object
// other than single strings, and strings that many objects share are stored once.
package object

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unique"

	"github.com/neardns/neardns/plugin/zone"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Translator turns API objects into records. It may be used by several goroutines at once.
type Translator struct {
	PodNames bool          // name endpoints without a host name after their Pod
	Zonal    bool          // keep endpoints' topology zones
	Labels   bool          // keep Pods' labels
	Serving  bool          // keep endpoints that serve while they terminate
	Local    int           // length in bytes of the longest zone that serves Services; 0 if none does
	Imported int           // the same for ServiceImports
	Skipped  func(Problem) // called for each part that can't be used; must not be nil
}

// Problem is a part of an object that can't be used, and why. The API server accepts few
// such parts; files and other servers may hold anything.
type Problem struct {
	Kind      string // as in the object: Service
	Namespace string
	Name      string
	Field     string // its place: endpoints[3].hostname
	Reason    string
	TooLong   bool // nothing is wrong with the part, but its name is too long for DNS
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

// skip reports a part that has no record.
func (s subject) skip(field, reason string, args ...any) {
	s.Skipped(Problem{
		Kind:      s.kind,
		Namespace: s.meta.Namespace,
		Name:      s.meta.Name,
		Field:     field,
		Reason:    fmt.Sprintf(reason, args...),
	})
}

// tooLong reports a part that has no name, as that would be too long.
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

// recovered is deferred by each translation. It leaves out an object that makes the translation
// panic, and no other.
func recovered[R any](s subject, record **R) {
	if v := recover(); v != nil {
		*record = nil
		s.skip("object", "translating it panicked: %v", v)
	}
}

// measureService reports a Service whose own name is too long in a zone of the length given. 0
// stands for no zone.
func (s subject) measureService(k zone.Key, origin int) {
	if n := k.NameLength(origin); origin > 0 && n > zone.MaxName {
		s.tooLong("metadata.name", "its name would take %d bytes, of at most %d", n, zone.MaxName)
	}
}

// measureSlice reports endpoints whose names are too long, as measureService does.
func (s subject) measureSlice(r *zone.Slice, origin int) {
	service := r.Service.NameLength(origin)
	if r.Cluster != "" {
		service += 1 + len(r.Cluster)
	}
	if origin == 0 || r.Nameless || service+1+zone.MaxLabel <= zone.MaxName {
		return
	}
	count, longest := 0, 0
	for _, e := range r.Endpoints {
		if n := service + 1 + len(e.Label()); n > zone.MaxName {
			count, longest = count+1, max(longest, n)
		}
	}
	if count > 0 {
		s.tooLong("endpoints", "the names of %d of them would take up to %d bytes, of at most %d", count, longest, zone.MaxName)
	}
}

// portLabels returns a port's name and protocol as labels. It leaves out a name that is too long
// for a label once an underscore stands before it (RFC 2782).
func (s subject) portLabels(list string, i int, name, protocol string) (string, string) {
	name, protocol = s.portLabel(list, i, "name", name), s.portLabel(list, i, "protocol", protocol)
	if len(name) == zone.MaxLabel {
		s.tooLong(fmt.Sprintf("%s[%d].name", list, i), "with an underscore it would take %d bytes, of at most %d", zone.MaxLabel+1, zone.MaxLabel)
		name = ""
	}
	return share(name), share(protocol)
}

func (s subject) portLabel(list string, i int, part, text string) string {
	lower := strings.ToLower(text)
	if lower == "" || isLabel(lower) {
		return lower
	}
	s.skip(fmt.Sprintf("%s[%d].%s", list, i, part), "%.80q is not a DNS label", text)
	return ""
}

// label returns value in lower case. It returns false if that can't be a label of a name.
func (s subject) label(field, value string) (string, bool) {
	lower := strings.ToLower(value)
	if !isLabel(lower) {
		s.skip(field, "%.80q is not a DNS label", value)
		return "", false
	}
	return lower, true
}

// addrs parses the addresses that text returns for a list's items, without repetitions. An object
// whose text is empty has no address yet.
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

// notAddr reports a text that is not an address.
func (s subject) notAddr(field, text string) { s.skip(field, "%.80q is not an IP address", text) }

// parseAddr parses an address without an IPv6 zone, so that it means the same everywhere.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// isLabel reports whether s is a label as RFC 1123 defines it, in lower case. Kubernetes gives
// such names to whatever DNS serves.
func isLabel(s string) bool {
	if s == "" || len(s) > zone.MaxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// intern returns s in lower case. Equal strings that it returned share their memory, unless the
// first of them was garbage by then.
func intern(s string) string { return share(strings.ToLower(s)) }

// share returns s. Equal strings share their memory, as with intern.
func share(s string) string { return unique.Make(s).Value() }

// fit returns list without spare room, or nil if it is empty.
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
