package zone

import (
	"net/netip"
	"slices"
	"strings"
)

// Existence says what stands at a name, of whatever type.
type Existence uint8

// The outcomes of a lookup.
const (
	NotSynced Existence = iota // unknown: the records are not complete yet
	NoName                     // the name does not exist (NXDOMAIN)
	NoData                     // the name exists and has no records of its own (RFC 8020)
	Records                    // the name has records
)

// What tells which records a Result holds.
type What uint8

// The kinds of Result whose Existence is Records.
const (
	Nothing     What = iota
	Version          // the TXT record of dns-version
	NameServer       // the addresses of ns.dns
	ServiceIPs       // the cluster IPs of Service
	Alias            // the CNAME record of an ExternalName Service
	ServicePods      // endpoints of Service
	PodIP            // the address Addr
)

// Lookup finds name in set. The name is the part left of the zone, in lower case and without
// the dot at its end. It is empty at the zone's apex. The Result keeps no part of it.
func (s *Store) Lookup(set Set, name string) Result {
	t := s.shown.Load()
	if t == nil {
		return Result{Existence: NotSynced}
	}
	rest, top := cut(name)
	switch top {
	case "":
		return Result{Existence: NoData}
	case labelService:
		return t.lookupService(set, rest)
	case labelPod:
		return t.lookupPod(rest)
	case labelDNS:
		return lookupDNS(rest)
	case labelVersion:
		if rest == "" {
			return Result{Existence: Records, What: Version}
		}
	}
	return Result{Existence: NoName, Why: NoSuchForm}
}

// lookupDNS finds a name below dns.<zone>, which stands above ns.dns.<zone>.
func lookupDNS(rest string) Result {
	switch rest {
	case "":
		return Result{Existence: NoData}
	case labelNS:
		return Result{Existence: Records, What: NameServer}
	}
	return Result{Existence: NoName, Why: NoSuchForm}
}

func (t *tables) lookupService(set Set, name string) Result {
	if name == "" {
		return Result{Existence: NoData}
	}
	name, namespace := cut(name)
	if !t.namespaceExists(namespace) {
		return Result{Existence: NoName, Why: NoNamespace}
	}
	if name == "" {
		return Result{Existence: NoData}
	}
	name, service := cut(name)
	st := t.sets[set].get(Key{namespace, service})
	if st == nil || st.service == nil {
		if st != nil && st.ahead {
			return Result{Existence: NoData, Why: NoService}
		}
		return Result{Existence: NoName, Why: NoService}
	}
	if t.ignored(st) {
		return st.absent(NoEndpoints)
	}
	var r request
	b, why := splitBelow(name), NoSuchForm
	if r.parse(b, set, t.options.Zonal) {
		found := st.whole().find(&r)
		if found.Existence != NoName {
			return found
		}
		why = found.Why
	}
	if t.standsAbove(st, b, set) {
		return Result{Existence: NoData}
	}
	return st.absent(why)
}

// absent says that a name at or below the Service does not exist. What slices decide is not denied before
// the first of them is there: the name is NODATA till then.
func (st *state) absent(why Why) Result {
	r := st.whole().absent(why)
	if st.ahead && why == NoEndpoints {
		r.Existence = NoData
	}
	return r
}

// ignored reports whether `ignore empty_service` hides the Service.
func (t *tables) ignored(st *state) bool {
	return t.options.IgnoreEmptyService && st.service.Kind == ClusterIP && !st.hasEndpoints()
}

func (st *state) hasEndpoints() bool {
	return slices.ContainsFunc(st.slices, func(sl *Slice) bool { return len(sl.Endpoints) > 0 })
}

// whole returns all there is of a Service, for Result.find to narrow.
func (st *state) whole() Result {
	return Result{Service: st.service, slices: st.slices, shared: st.shared > 0 || st.replaced != nil}
}

// standsAbove reports whether names with records lie below the labels b of a Service, so
// that b is an empty non-terminal (RFC 8020, section 2): a protocol above its ports, a
// cluster above its endpoints, the fixed labels of zonal names.
func (t *tables) standsAbove(st *state, b below, set Set) bool {
	if t.options.Zonal && set == Local && st.service.Kind == Headless && b.labels[0] == labelZonal {
		return b.count == 1 || b.count == 2 && (b.labels[1] == directivePin || b.labels[1] == directivePrefer)
	}
	return b.count == 1 && (st.hasNamedPort(b.labels[0]) || set == Imported && st.hasCluster(b.labels[0]))
}

func (st *state) hasCluster(id string) bool {
	return slices.ContainsFunc(st.slices, func(sl *Slice) bool {
		return sl.Cluster == id && !sl.Nameless && len(sl.Endpoints) > 0
	})
}

// hasNamedPort reports whether some port has a name and the protocol that label stands for.
func (st *state) hasNamedPort(label string) bool {
	want := portName{protocol: strings.TrimPrefix(label, "_")}
	if want.protocol == "" {
		return false
	}
	named := func(p Port) bool { return p.Name != "" && want.selects(p) }
	switch st.service.Kind {
	case ClusterIP:
		return slices.ContainsFunc(st.service.Ports, named)
	case Headless:
		return slices.ContainsFunc(st.slices, func(sl *Slice) bool {
			return len(sl.Endpoints) > 0 && slices.ContainsFunc(sl.Ports, named)
		})
	}
	return false
}

// lookupPod finds a name below pod.<zone>. Like the stock plugin, it ignores up to two labels
// left of the address.
func (t *tables) lookupPod(name string) Result {
	if name == "" {
		return Result{Existence: NoData}
	}
	name, namespace := cut(name)
	if t.options.Pods == PodsDisabled {
		return Result{Existence: NoName, Why: PodsOff}
	}
	if !t.namespaceExists(namespace) {
		return Result{Existence: NoName, Why: NoNamespace}
	}
	if name == "" {
		return Result{Existence: NoData}
	}
	name, label := cut(name)
	d := parseDashed(label)
	addr, ok := t.podAddr(namespace, d)
	switch {
	case splitBelow(name).count > 2 || !d.addr.IsValid() && !d.mixed.IsValid():
		return Result{Existence: NoName, Why: NoSuchForm}
	case !ok:
		return Result{Existence: NoName, Why: NoPod}
	}
	return Result{Existence: Records, What: PodIP, Addr: addr}
}

// podAddr returns the address that a Pod's name stands for, if the name exists.
func (t *tables) podAddr(namespace string, d dashed) (netip.Addr, bool) {
	for _, addr := range [...]netip.Addr{d.addr, d.mixed} {
		if addr.IsValid() && (t.options.Pods == PodsInsecure || t.hasPod(namespace, addr)) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func (t *tables) hasPod(namespace string, addr netip.Addr) bool {
	return slices.ContainsFunc(t.podsAt(addr), func(p *Pod) bool { return p.Namespace == namespace })
}

// AppendNearNamespace appends the name of a namespace that is served and that one slip of the typing
// hand away from name: a letter too many, too few, wrong, or in the place of its neighbour. It appends
// nothing if there is none, or if it has been asked too often of late.
func (s *Store) AppendNearNamespace(dst []byte, name string) []byte {
	t := s.view()
	return s.near.append(dst, name, t.namespaceExists)
}

// AppendNearService is AppendNearNamespace for the Services of a namespace.
func (s *Store) AppendNearService(dst []byte, set Set, key Key) []byte {
	t := s.view()
	return s.near.append(dst, key.Name, func(name string) bool {
		st := t.sets[set].get(Key{Namespace: key.Namespace, Name: name})
		return st != nil && st.service != nil && !t.ignored(st)
	})
}
