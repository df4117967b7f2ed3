package reply

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"
)

// Unserved says which objects of the cluster the block leaves out. Nothing is said of those, not even that
// they don't exist.
type Unserved struct {
	Namespaces bool // some namespaces
	Labels     bool // Services and endpoints without some labels
	Endpoints  bool // all endpoints
}

// explain gives r the extended errors that belong to it, as one.
//
// The code of a denial is Other Error (RFC 8914, section 4.1), because no other fits: Blocked, Censored,
// Filtered and Prohibited speak of somebody who forbids the name, Not Authoritative and Not Supported go
// with REFUSED and NOTIMP. The text says what it is.
func (s *Responder) explain(q *Question, existence zone.Existence, r *Reply) {
	r.why = r.why[:0]
	switch {
	case existence == zone.NotSynced:
		r.why = r.why.add("not synced with the Kubernetes API yet")
		r.Error = wire.Error{Set: true, Code: wire.NotReady, Text: r.why} // RFC 8914, section 4.15
	case r.Answer.Type == 0:
		r.why = s.why(q, existence, r.why)
		r.Error = wire.Error{Set: len(r.why) > 0, Code: wire.OtherError, Text: r.why}
	}
	if s.Notice == nil {
		return
	}
	n := s.Notice()
	switch {
	case !n.Set:
		return
	case n.Code == wire.StaleAnswer && r.Rcode == wire.NXDomain:
		n.Code = wire.StaleNXDomain
	}
	if r.Error.Set {
		r.why = r.why.add("; ")
		r.why = append(r.why, n.Text...)
		n.Text = r.why
	}
	r.Error = n
}

// WhyNoTarget returns the extended error of a reply, which began as r, that has led through aliases to a
// target, and has found no records of the type there. Its text is r's own memory.
func WhyNoTarget(r *Reply, target string, qtype wire.Type, rcode wire.Rcode) wire.Error {
	t := r.why[:0].add("the target of this alias, ").addText(strings.TrimSuffix(target, "."), mostTarget)
	switch rcode {
	case wire.NXDomain:
		t = t.add(", does not exist")
	case wire.NoError:
		t = t.add(", has no ").addType(qtype).add(" record")
	default:
		t = t.add(", could not be looked up")
	}
	r.why = t
	return wire.Error{Set: true, Code: wire.OtherError, Text: t}
}

// mostTarget is how much of a target's name is written, in bytes.
const mostTarget = 70

// why appends why there are no records for q. It looks the name up once more. If it finds something else
// by now, it appends nothing.
func (s *Responder) why(q *Question, existence zone.Existence, t text) text {
	switch {
	case q.Type == wire.ANY && existence == zone.Records:
		return t.add("no answer to ANY here: ask for one type")
	case q.Rest == "":
		return t.add("no ").addType(q.Type).add(" record at the zone's own name")
	case zone.IsReverse(q.Lower) && !q.nameServer():
		return s.whyNoPointer(q, existence == zone.NoName, t)
	}
	found := s.Store.Lookup(q.Zone.Set, q.Rest)
	switch {
	case found.Existence != existence:
		return t
	case existence == zone.Records:
		return whyNoType(q, &found, t)
	}
	key := zone.Labels(q.Rest)
	switch found.Why {
	case zone.NamesBelow:
		return t.add("no records at this name, only at names below it")
	case zone.NoNamespace:
		return s.whyNoNamespace(q, key.Namespace, t)
	case zone.NoService:
		return s.whyNoService(q, key, t)
	case zone.PodsOff:
		return t.add("pod records are off (pods disabled)")
	case zone.NoPod:
		return s.ofServed(t.add("no pod of namespace ").quote(key.Namespace).add(" has the address ").quote(key.Name))
	case zone.NoSuchForm:
		return whyNoForm(key, q.Rest, t)
	}
	return s.whyNotOfService(q, &found, t)
}

// whyNoNamespace appends that a namespace is not there. It tries to guess which one was meant where a
// Service was asked for, or the namespace itself: searches of Pods ask for names of other forms.
func (s *Responder) whyNoNamespace(q *Question, namespace string, t text) text {
	if s.Unserved.Namespaces {
		return t.add("namespace ").quote(namespace).add(" is not served here")
	}
	t = t.add("no such namespace ").quote(namespace)
	if labels(q.Rest) > 3 {
		return t
	}
	return t.guess("namespace", func(dst text) text { return s.Store.AppendNearNamespace(dst, namespace) })
}

// whyNoService is whyNoNamespace for a Service. ServiceImports are served whatever their labels are.
func (s *Responder) whyNoService(q *Question, key zone.Key, t text) text {
	if s.Unserved.Labels && q.Zone.Set == zone.Local {
		return t.add("service ").addKey(key).add(" is not served here")
	}
	t = t.add("no such service ").addKey(key)
	if labels(q.Rest) > 3 {
		return t
	}
	return t.guess("service", func(dst text) text { return s.Store.AppendNearService(dst, q.Zone.Set, key) })
}

// whyNotOfService appends why a Service has no such name or no endpoints.
func (s *Responder) whyNotOfService(q *Question, found *zone.Result, t text) text {
	t = t.add("service ").addKey(found.Service.Key)
	parts, _ := zone.Parse(q.Zone.Set, q.Rest, true)
	switch found.Why {
	case zone.NoEndpoints:
		return s.whyNoEndpoints(found, t)
	case zone.NoPort:
		return whyNoPort(found, &parts, t)
	case zone.NoEndpoint:
		return s.ofServed(t.add(" has no ready endpoint ").quote(parts.Endpoint))
	case zone.NoZoneEndpoint:
		return s.ofServed(t.add(" has no ready endpoint in zone ").quote(parts.Topology))
	}
	return t.add(" is an ExternalName, and no names are below it")
}

func (s *Responder) whyNoEndpoints(found *zone.Result, t text) text {
	n := found.NotReady()
	switch {
	case s.Unserved.Endpoints:
		return t.add(" has no endpoints here (noendpoints)")
	case n > 0:
		t = t.add(" has no ready endpoints (")
		return s.ofServed(append(strconv.AppendInt(t, int64(n), 10), " not ready)"...))
	}
	return s.ofServed(t.add(" has no endpoints"))
}

// ofServed appends to what was said of endpoints or Pods that there may be others.
func (s *Responder) ofServed(t text) text {
	if s.Unserved.Labels {
		return t.add("; ").add("only some are served here (labels)")
	}
	return t
}

func whyNoPort(found *zone.Result, parts *zone.Parts, t text) text {
	near, tried := "", 0
	for name := range found.PortNames() {
		if name == parts.Port {
			return t.add(" has no port ").quote(name).add(" of protocol ").quote(parts.Protocol)
		}
		if near == "" && zone.Near(name, parts.Port) {
			near = name
		}
		if tried++; tried == mostPorts {
			break
		}
	}
	if slices.ContainsFunc(found.Service.Ports, func(p zone.Port) bool { return p.Name == parts.Port }) {
		return t.add(" has no ready endpoint with port ").quote(parts.Port)
	}
	if t = t.add(" has no port ").quote(parts.Port); near == "" {
		return t
	}
	return t.guess("port", func(dst text) text { return append(dst, near...) })
}

// mostPorts is how many names of ports are compared with one that is wrong. No Service of the API's has
// more ports, but a file may hold anything.
const mostPorts = 1000

// whyNoForm appends that names of a zone are not built so.
func whyNoForm(key zone.Key, rest string, t text) text {
	n := labels(rest)
	if n > 3 && strings.HasSuffix(rest, ".svc") {
		return t.add("no names of this form are below ").addKey(key)
	}
	if n > 1 && strings.HasSuffix(rest, ".pod") {
		return t.add("no such name: pods are their address with dashes here")
	}
	return t.add("no such name: services are below svc here, pods below pod")
}

// whyNoType appends that a name exists and has no records of the type that was asked for. What an endpoint
// lacks, the Service may have.
func whyNoType(q *Question, found *zone.Result, t text) text {
	own := found.Service != nil && labels(q.Rest) == 3
	if own {
		t = t.add("service ").addKey(found.Service.Key)
	} else {
		t = t.add("this name")
	}
	switch {
	case q.Type == wire.A:
		return t.add(" has no IPv4 address")
	case q.Type == wire.AAAA:
		return t.add(" has no IPv6 address")
	case q.Type == wire.SRV && own:
		return t.add(" has no port with a number")
	}
	return t.add(" has no ").addType(q.Type).add(" record")
}

// whyNoPointer is why for reverse names. Denied says that the name does not exist.
func (s *Responder) whyNoPointer(q *Question, denied bool, t text) text {
	addr, bits, ok := zone.ReverseAddr(q.Lower)
	switch {
	case !ok:
		return t.add("not the reverse name of an address")
	case !denied && bits < addr.BitLen():
		return t.add("no records at this name, only at names below it")
	case !denied:
		return t.add("no ").addType(q.Type).add(" record at the name of an address")
	}
	var buf [4]zone.Pointer
	if _, existence := s.Store.Reverse(buf[:0], q.Lower); existence == zone.Records {
		return t.add("the name that has the address ").addAddr(addr).add(" is too long for DNS")
	}
	t = t.add("no service or endpoint ")
	if s.Unserved != (Unserved{}) {
		t = t.add("that is served here ")
	}
	if bits < addr.BitLen() {
		return t.add("has an address that begins so")
	}
	return t.add("has the address ").addAddr(addr)
}

// text is the text of an extended error, in memory that is used again. What stands in it of queries is of
// bounded length, and printable.
type text []byte

func (t text) add(s string) text { return append(t, s...) }

func (t text) addAddr(a netip.Addr) text { return a.AppendTo(t) }

// addType appends the mnemonic of a type, or TYPE and its number (RFC 3597, section 5).
func (t text) addType(typ wire.Type) text { return typ.AppendTo(t) }

// addLabel appends a label, or what stands in its place in a name.
func (t text) addLabel(label string) text { return t.addText(label, zone.MaxLabel) }

// addText appends the first n bytes of what somebody else has written.
func (t text) addText(s string, n int) text {
	for i := range len(s) {
		if i == n {
			return t.add("...")
		}
		if c := s[i]; ' ' < c && c <= '~' {
			t = append(t, c)
		} else {
			t = append(t, '?') // names as text have escapes in place of such bytes
		}
	}
	return t
}

func (t text) quote(label string) text { return append(append(t, '"').addLabel(label), '"') }

func (t text) addKey(k zone.Key) text {
	return append(t.addLabel(k.Namespace), '/').addLabel(k.Name)
}

// guess asks whether something else was meant, if find appends a name for it, and if the text does not
// become too long.
func (t text) guess(what string, find func(text) text) text {
	asked := t.add(", did you mean ").add(what).add(" \"")
	named := find(asked)
	if len(named) == len(asked) || len(named)+2 > wire.MaxErrorText {
		return asked[:len(t)]
	}
	return named.add("\"?")
}

// labels counts the labels of a name without a dot at its end, as far as it has no escapes.
func labels(name string) int {
	n := 1
	for i := range len(name) {
		if name[i] == '.' {
			n++
		}
	}
	return n
}
