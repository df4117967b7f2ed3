package zone

import "errors"

// Parts are what the labels of a name say, whether or not it exists.
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

// ErrName is returned for a name that the grammar has no place for.
var ErrName = errors.New("invalid query name")

// Parse takes apart a name of a set; see Store.Lookup for its form.
func Parse(set Set, name string, zonal bool) (Parts, error) {
	rest, top := cut(name)
	if name == "" {
		return Parts{}, nil
	}
	if top != labelService && top != labelPod {
		return Parts{}, ErrName
	}
	if rest == "" {
		return Parts{}, nil
	}
	var r request
	rest, r.namespace = cut(rest)
	rest, r.service = cut(rest)
	if !r.parse(splitBelow(rest), set, zonal && top == labelService) {
		return Parts{}, ErrName
	}
	return Parts{
		Kind: top, Namespace: r.namespace, Service: r.service, Endpoint: r.endpoint,
		Cluster: r.cluster, Port: r.port, Protocol: r.protocol, Topology: r.topology,
	}, nil
}
