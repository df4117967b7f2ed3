package object

import (
	"fmt"
	"strings"

	"github.com/neardns/neardns/plugin/zone"
)

// How long names and their labels may be, in octets of a message (RFC 1035, section 2.3.4). A
// label's length takes an octet of its own.
const (
	maxName  = 255
	maxLabel = 63
)

// octets returns the length of a Service's name in a zone of the length given, or 0 if there is
// no such zone.
func octets(k zone.Key, origin int) int {
	if origin == 0 {
		return 0
	}
	return 1 + len(k.Name) + 1 + len(k.Namespace) + len("\x03svc") + origin
}

// measureService reports a Service whose own name is too long.
func (s subject) measureService(k zone.Key, origin int) {
	if n := octets(k, origin); n > maxName {
		s.tooLong("metadata.name", "its name would take %d octets, of at most %d", n, maxName)
	}
}

// measureSlice reports endpoints whose names are too long.
func (s subject) measureSlice(r *zone.Slice, origin int) {
	service := octets(r.Service, origin)
	if r.Cluster != "" {
		service += 1 + len(r.Cluster)
	}
	if r.Nameless || service+1+maxLabel <= maxName {
		return
	}
	count, longest := 0, 0
	for _, e := range r.Endpoints {
		if n := service + 1 + len(e.Label()); n > maxName {
			count, longest = count+1, max(longest, n)
		}
	}
	if count > 0 {
		s.tooLong("endpoints", "the names of %d of them would take up to %d octets, of at most %d", count, longest, maxName)
	}
}

// portLabels returns a port's name and protocol as labels. A name that is one, but not with
// the underscore before it (RFC 2782), is left out.
func (s subject) portLabels(list string, i int, name, protocol string) (string, string) {
	name, protocol = s.portLabel(list, i, "name", name), s.portLabel(list, i, "protocol", protocol)
	if len(name) == maxLabel {
		s.tooLong(fmt.Sprintf("%s[%d].name", list, i), "with an underscore it would take %d octets, of at most %d", maxLabel+1, maxLabel)
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
