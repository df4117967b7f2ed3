package zone

import (
	"cmp"
	"net/netip"
	"slices"
)

// Key names a Service or a ServiceImport. Both parts are lower case.
type Key struct{ Namespace, Name string }

// compare orders keys by namespace, then name.
func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Namespace, o.Namespace), cmp.Compare(k.Name, o.Name))
}

// NameLength returns how many bytes the Service's name takes in a message, in a zone whose own
// name takes origin bytes (RFC 1035, section 3.1: a byte for the length of each label).
func (k Key) NameLength(origin int) int {
	return 1 + len(k.Name) + 1 + len(k.Namespace) + 1 + len(labelService) + origin
}

// Kind tells which records a Service has.
type Kind uint8

// The kinds of Service (Kubernetes DNS specification, sections 2.3 to 2.5).
const (
	ClusterIP Kind = iota
	Headless
	ExternalName
)

// Service is a Service or a ServiceImport. It is immutable once written to a Store.
type Service struct {
	Key
	Kind     Kind
	Selector bool         // endpoints come from a selector
	Target   string       // the name an ExternalName points to, spelled as in the object
	Addrs    []netip.Addr // the cluster IPs of a ClusterIP Service
	Ports    []Port
}

func (s *Service) equal(o *Service) bool {
	return s.Key == o.Key && s.Kind == o.Kind && s.Selector == o.Selector && s.Target == o.Target &&
		slices.Equal(s.Addrs, o.Addrs) && slices.Equal(s.Ports, o.Ports)
}

// Port is a port of a Service or an EndpointSlice. Name and Protocol are lower case and
// may be empty. Number is 0 if the object declares none; then there is no SRV record.
type Port struct {
	Name     string
	Protocol string
	Number   uint16
}

// SliceKey names an EndpointSlice.
type SliceKey struct{ Namespace, Name string }

// Slice is the part of an EndpointSlice that makes records: its ready endpoints.
// It is immutable once written to a Store.
type Slice struct {
	SliceKey
	Service   Key    // the Service, or ServiceImport, that the endpoints belong to
	Cluster   string // the id of the cluster an imported slice comes from
	Nameless  bool   // the cluster's id can't be a label, so its endpoints have no names of their own
	Ports     []Port
	Endpoints []Endpoint // ascending by address; see SortEndpoints
	Zones     []string   // Endpoints' topology zones, lower case; nil unless zonal names are served
	NotReady  [2]int32   // how many endpoints are not ready: with addresses of IPv4, and of IPv6

	// Serving has, in place of the ready endpoints, those that still serve while they terminate. It is nil
	// if there are none, and unless Options.Serving is on.
	Serving *Slice
}

// Endpoint is one ready address. Host is its label below the Service's name. It is empty if the
// label is the dashed form of the address, which is not worth storing.
type Endpoint struct {
	Addr netip.Addr
	Host string
}

// Label is the endpoint's label below its Service's name, or below its cluster's.
func (e Endpoint) Label() string {
	if e.Host != "" {
		return e.Host
	}
	var buf [64]byte
	return string(AppendDashed(buf[:0], e.Addr))
}

func (s *Slice) equal(o *Slice) bool {
	return s.SliceKey == o.SliceKey && s.Service == o.Service && s.Cluster == o.Cluster && s.Nameless == o.Nameless &&
		slices.Equal(s.Ports, o.Ports) && slices.Equal(s.Endpoints, o.Endpoints) &&
		slices.Equal(s.Zones, o.Zones) && s.NotReady == o.NotReady &&
		(s.Serving == o.Serving || s.Serving != nil && o.Serving != nil && s.Serving.equal(o.Serving))
}

// at returns the endpoints of the slice with address addr. Guess is where they may begin.
func (s *Slice) at(addr netip.Addr, guess int) []Endpoint {
	n := len(s.Endpoints)
	lo := place(n, min(guess, n-1), func(i int) bool { return s.Endpoints[i].Addr.Less(addr) })
	if lo == n || s.Endpoints[lo].Addr != addr {
		return nil
	}
	hi := lo + 1
	for hi < len(s.Endpoints) && s.Endpoints[hi].Addr == addr {
		hi++
	}
	return s.Endpoints[lo:hi]
}

// Has reports whether an endpoint of the slice has address addr.
func (s *Slice) Has(addr netip.Addr) bool { return len(s.at(addr, len(s.Endpoints)/2)) > 0 }

// Pod is the part of a Pod that `pods verified`, autopath and metadata need.
// It is immutable once written to a Store.
type Pod struct {
	Namespace, Name string
	Addrs           []netip.Addr
	Labels          []Label
}

// Label is one label of a Pod.
type Label struct{ Key, Value string }

func (p *Pod) equal(o *Pod) bool {
	return p.Namespace == o.Namespace && p.Name == o.Name &&
		slices.Equal(p.Addrs, o.Addrs) && slices.Equal(p.Labels, o.Labels)
}
