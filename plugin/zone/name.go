package zone

import (
	"errors"
	"strings"
)

// The greatest length of a name and of a label, in bytes of a message (RFC 1035, section 2.3.4).
// A label's own length takes one more byte.
const (
	MaxName  = 255
	MaxLabel = 63
)

// request is what stands left of the service in a name below svc.<zone> or pod.<zone>:
//
//	                              .<service>.<namespace>
//	<endpoint>                    .<service>.<namespace>
//	_<port>._<protocol>           .<service>.<namespace>
//	<endpoint>.<cluster>          .<service>.<namespace>    in an imported zone
//	<topology zone>.pin|prefer._zone.<service>.<namespace>  with zonal names
//
// Empty parts were not named and match everything. All are parts of the name, whose memory
// belongs to the caller: a Result must not keep them.
type request struct {
	endpoint string
	dashed   // what endpoint means as an address
	cluster  string
	portName
	topology string
	prefer   bool
}

// portName names ports. An empty part matches all.
type portName struct{ port, protocol string }

// selects reports whether p is among the ports that n names.
func (n *portName) selects(p Port) bool {
	return (n.port == "" || n.port == p.Name) && (n.protocol == "" || n.protocol == p.Protocol)
}

// keep takes the strings of a port that n selects in place of its own.
func (n *portName) keep(p Port) {
	if n.port != "" {
		n.port = p.Name
	}
	if n.protocol != "" {
		n.protocol = p.Protocol
	}
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

// cut splits the rightmost label off name. An escaped dot belongs to its label.
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

// parse fills r from the labels left of the service. It returns false if the grammar has no
// such name.
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

// Parts are what the labels of a name say, whether or not the name exists. They are parts of
// the name that was parsed.
type Parts struct {
	Kind      string // "svc" or "pod"; empty at names above both
	Namespace string
	Service   string // below pod, the dashed address
	Endpoint  string
	Cluster   string
	Port      string
	Protocol  string
	Topology  string
}

// errName is returned for a name that the grammar has no place for.
var errName = errors.New("invalid query name")

// Parse takes apart a name of a set. Store.Lookup describes the form of the name.
func Parse(set Set, name string, zonal bool) (Parts, error) {
	rest, top := cut(name)
	if name == "" {
		return Parts{}, nil
	}
	if top != labelService && top != labelPod {
		return Parts{}, errName
	}
	if rest == "" {
		return Parts{}, nil
	}
	rest, namespace := cut(rest)
	rest, service := cut(rest)
	var r request
	if !r.parse(splitBelow(rest), set, zonal && top == labelService) {
		return Parts{}, errName
	}
	return Parts{
		Kind: top, Namespace: namespace, Service: service, Endpoint: r.endpoint,
		Cluster: r.cluster, Port: r.port, Protocol: r.protocol, Topology: r.topology,
	}, nil
}
