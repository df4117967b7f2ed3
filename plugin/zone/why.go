package zone

import "iter"

// Why says why a name has no records of its own.
type Why uint8

// The reasons. From NoEndpoints on, the Result has the Service.
const (
	NamesBelow     Why = iota // there are only names below it (for NoData alone)
	NoSuchForm                // the grammar has no such name, at this place
	NoNamespace               // the namespace does not exist, or is not served
	NoService                 // the Service does not exist, is not served, or comes after its slices
	PodsOff                   // `pods disabled`
	NoPod                     // no Pod of the namespace has the address
	NoEndpoints               // the Service has no ready endpoints
	NoPort                    // none of the Service's ports has the name and the protocol
	NoEndpoint                // no ready endpoint of the Service has the name
	NoZoneEndpoint            // none is in the topology zone
	BelowAlias                // nothing stands below an ExternalName Service
)

// absent says that a name below the Service of r does not exist.
func (r Result) absent(w Why) Result {
	r.Existence, r.Why = NoName, w
	return r
}

// whyNoEndpoint says why r names no endpoint.
func (r *Result) whyNoEndpoint() Why {
	switch {
	case r.EndpointCount() == 0:
		return NoEndpoints
	case r.want.topology != "":
		return NoZoneEndpoint
	case r.want.endpoint:
		return NoEndpoint
	}
	return NoPort
}

// NotReady returns how many endpoints of the Service are not ready. An endpoint with addresses of both
// families counts once.
func (r *Result) NotReady() int {
	var n [2]int
	for _, sl := range r.slices {
		n[0], n[1] = n[0]+int(sl.NotReady[0]), n[1]+int(sl.NotReady[1])
	}
	return max(n[0], n[1])
}

// PortNames yields the names of the ports that the Service has records of, some of them several times:
// its own or, where the records are of endpoints, theirs.
func (r *Result) PortNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		if r.Service.Kind == ClusterIP {
			yieldNames(r.Service.Ports, yield)
			return
		}
		for _, sl := range r.slices[:min(len(r.slices), 8)] { // others are much the same
			if !yieldNames(sl.Ports, yield) {
				return
			}
		}
	}
}

func yieldNames(ports []Port, yield func(string) bool) bool {
	for _, p := range ports {
		if p.Name != "" && !yield(p.Name) {
			return false
		}
	}
	return true
}

// Labels returns the namespace and the Service that a name of a set stands for, as far as it has these
// labels. Store.Lookup describes the form of the name. For a name below pod, the Service is the address
// with dashes.
func Labels(name string) Key {
	rest, _ := cut(name)
	rest, namespace := cut(rest)
	_, service := cut(rest)
	return Key{Namespace: namespace, Name: service}
}
