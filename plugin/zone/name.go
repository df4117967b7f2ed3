package zone

import "strings"

// request is a name below svc.<zone> or pod.<zone>, taken apart:
//
//	<service>.<namespace>
//	<endpoint>.<service>.<namespace>
//	_<port>._<protocol>.<service>.<namespace>
//	<endpoint>.<cluster>.<service>.<namespace>                      in an imported zone
//	<topology zone>.pin|prefer._zone.<service>.<namespace>          with zonal names
//
// Empty parts were not named and match everything.
type request struct {
	namespace string
	service   string
	endpoint  string
	dashed    // what endpoint means as an address
	cluster   string
	port      string
	protocol  string
	topology  string
	prefer    bool
}

// Labels with a meaning of their own.
const (
	labelService    = "svc"
	labelPod        = "pod"
	labelDNS        = "dns"
	labelNS         = "ns"
	labelVersion    = "dns-version"
	labelZonal      = "_zone"
	directivePin    = "pin"
	directivePrefer = "prefer"
)

// cut splits the rightmost label off name. A dot that is escaped belongs to its label.
func cut(name string) (rest, label string) {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' && !Escaped(name, i) {
			return name[:i], name[i+1:]
		}
	}
	return "", name
}

// Escaped reports whether an odd number of backslashes stands before name[i].
func Escaped(name string, i int) bool {
	odd := false
	for i--; i >= 0 && name[i] == '\\'; i-- {
		odd = !odd
	}
	return odd
}

// below holds the labels left of the service, rightmost first, as far as the grammar goes.
type below struct {
	count      int // at most 3, which stands for any greater number
	labels     [2]string
	beyond     string // what is left of labels
	underscore bool   // one of labels begins with an underscore
}

func splitBelow(name string) (b below) {
	for name != "" && b.count < 2 {
		var label string
		name, label = cut(name)
		b.labels[b.count] = label
		b.underscore = b.underscore || strings.HasPrefix(label, "_")
		b.count++
	}
	if name != "" {
		b.count, b.beyond = 3, name
	}
	return b
}

// parse fills r from the labels left of the service. It reports false where the grammar has no such name.
func (r *request) parse(b below, set Set, zonal bool) bool {
	switch {
	case b.count == 0:
	case b.count == 1:
		r.setEndpoint(b.labels[0])
	case b.count == 2 && set == Imported && !b.underscore:
		r.cluster = b.labels[0]
		r.setEndpoint(b.labels[1])
	case b.count == 2:
		r.protocol = strings.TrimPrefix(b.labels[0], "_")
		r.port = strings.TrimPrefix(b.labels[1], "_")
		return r.protocol != "" && r.port != "" // an empty one would select all
	default:
		return zonal && set == Local && r.parseZonal(b)
	}
	return true
}

func (r *request) parseZonal(b below) bool {
	if b.labels[0] != labelZonal {
		return false
	}
	r.topology, r.prefer = b.beyond, b.labels[1] == directivePrefer
	return r.prefer || b.labels[1] == directivePin
}

func (r *request) setEndpoint(label string) {
	r.endpoint, r.dashed = label, parseDashed(label)
}

// matches reports whether the endpoint is the one that r names, if r names one.
func (r *request) matches(e Endpoint) bool {
	if r.endpoint == "" {
		return true
	}
	if e.Host != "" {
		return e.Host == r.endpoint
	}
	return e.Addr == r.addr
}

// selects reports whether p is among the ports that r names.
func (r *request) selects(p Port) bool {
	return (r.port == "" || r.port == p.Name) && (r.protocol == "" || r.protocol == p.Protocol)
}
