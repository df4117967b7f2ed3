package zone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func addrs(list ...string) (as []netip.Addr) {
	for _, s := range list {
		as = append(as, addr(s))
	}
	return as
}

// cluster returns a Store with one of each, and its Writer.
func cluster(o Options) (*Store, *Writer) {
	s := New(o)
	w := NewWriter(s)
	w.SetNamespace("ns")
	w.SetNamespace("svc")
	http := []Port{{Name: "http", Protocol: "tcp", Number: 80}}
	w.SetService(Local, &Service{Key: Key{"ns", "web"}, Addrs: addrs("10.96.0.20", "fd00::20"), Ports: http})
	w.SetService(Local, &Service{Key: Key{"ns", "bare"}, Addrs: addrs("10.96.0.21")})
	w.SetService(Local, &Service{Key: Key{"ns", "db"}, Kind: Headless})
	w.SetService(Local, &Service{Key: Key{"ns", "none"}, Kind: Headless})
	w.SetService(Local, &Service{Key: Key{"ns", "ext"}, Kind: ExternalName, Target: "example.com"})
	w.SetService(Local, &Service{Key: Key{"svc", "svc"}, Addrs: addrs("10.96.0.22")})
	w.SetService(Local, &Service{Key: Key{"gone", "web"}, Addrs: addrs("10.96.0.23")})
	w.SetSlice(Local, &Slice{
		SliceKey: SliceKey{"ns", "db-1"}, Service: Key{"ns", "db"}, Ports: []Port{{Name: "sql", Protocol: "tcp", Number: 5432}},
		Endpoints: []Endpoint{{addr("10.0.0.1"), "db-0"}, {addr("10.0.0.2"), ""}, {addr("fd00::"), ""}},
		Zones:     []string{"a", "b.c", ""},
	})
	w.SetService(Imported, &Service{Key: Key{"ns", "db"}, Kind: Headless})
	w.SetSlice(Imported, &Slice{
		SliceKey: SliceKey{"ns", "db-x"}, Service: Key{"ns", "db"}, Cluster: "east",
		Endpoints: []Endpoint{{addr("10.9.0.1"), "db-0"}},
	})
	w.SetPod(&Pod{Namespace: "ns", Name: "p", Addrs: addrs("10.0.0.9", "fd00::9")})
	w.SetSynced()
	return s, w
}

func TestLookup(t *testing.T) {
	all := Options{Pods: PodsVerified, Zonal: true}
	for _, tt := range []struct {
		name string
		want string // existence and what was found
	}{
		{"", "nodata"},
		{"svc", "nodata"},
		{"pod", "nodata"},
		{"dns", "nodata"}, // RFC 8020: ns.dns stands below
		{"ns.dns", "nameserver"},
		{"x.ns.dns", "noname"},
		{"dns-version", "version"},
		{"x.dns-version", "noname"},
		{"other", "noname"},
		{"ns.svc", "nodata"},
		{"missing.svc", "noname"},
		{"web.ns.svc", "10.96.0.20 fd00::20"},
		{"web.gone.svc", "noname"},
		{"svc.svc.svc", "10.96.0.22"},
		{"_http._tcp.web.ns.svc", "10.96.0.20 fd00::20"},
		{"http.tcp.web.ns.svc", "10.96.0.20 fd00::20"},
		{"_tcp.web.ns.svc", "nodata"}, // RFC 8020: _http._tcp stands below
		{"_udp.web.ns.svc", "noname"},
		{"_.web.ns.svc", "noname"},
		{"_._tcp.web.ns.svc", "noname"}, // an empty label selects nothing
		{"_http._.web.ns.svc", "noname"},
		{"_._.web.ns.svc", "noname"},
		{"_._.bare.ns.svc", "noname"},
		{"_http._udp.web.ns.svc", "noname"},
		{"x._http._tcp.web.ns.svc", "noname"},
		{"a.b.c.web.ns.svc", "noname"},
		{"bare.ns.svc", "10.96.0.21"},
		{"_tcp.bare.ns.svc", "noname"},
		{"db.ns.svc", "10.0.0.1 10.0.0.2 fd00::"},
		{"db-0.db.ns.svc", "10.0.0.1"},
		{"10-0-0-1.db.ns.svc", "noname"}, // it has a host name
		{"10-0-0-2.db.ns.svc", "10.0.0.2"},
		{"fd00--0.db.ns.svc", "fd00::"},
		{"fd00--.db.ns.svc", "fd00::"}, // any spelling of the address (RFC 4291, section 2.2)
		{"fd00-0--00.db.ns.svc", "fd00::"},
		{"fd00--0-0-0-0.db.ns.svc", "fd00::"},
		{"--ffff-a00-2.db.ns.svc", "10.0.0.2"},
		{"--ffff-10-0-0-2.db.ns.svc", "10.0.0.2"},
		{"fd00--0-0-0-1.db.ns.svc", "noname"},
		{"_sql._tcp.db.ns.svc", "10.0.0.1 10.0.0.2 fd00::"},
		{"_tcp.db.ns.svc", "nodata"},
		{"_._tcp.db.ns.svc", "noname"},
		{"_sql._.db.ns.svc", "noname"},
		{"none.ns.svc", "noname"},
		{"ext.ns.svc", "alias"},
		{"x.ext.ns.svc", "noname"},
		{"_http._tcp.ext.ns.svc", "noname"},
		{"a.pin._zone.db.ns.svc", "10.0.0.1"},
		{"b.c.pin._zone.db.ns.svc", "10.0.0.2"},
		{"x.pin._zone.db.ns.svc", "nodata"},
		{"x.prefer._zone.db.ns.svc", "10.0.0.1 10.0.0.2 fd00::"},
		{"x.other._zone.db.ns.svc", "noname"},
		{"pin._zone.db.ns.svc", "nodata"},
		{"_zone.db.ns.svc", "nodata"},
		{"a.pin._zone.web.ns.svc", "noname"},
		{"a.pin._zone.ext.ns.svc", "noname"},
		{"ns.pod", "nodata"},
		{"missing.pod", "noname"},
		{"10-0-0-9.ns.pod", "10.0.0.9"},
		{"x.10-0-0-9.ns.pod", "10.0.0.9"},
		{`x\.y.z.10-0-0-9.ns.pod`, "10.0.0.9"},
		{"x.y.z.10-0-0-9.ns.pod", "noname"},
		{"fd00--9.ns.pod", "fd00::9"},
		{"fd00-0--09.ns.pod", "fd00::9"},
		{"fd00--0-0-0-9.ns.pod", "fd00::9"},
		{"--ffff-10-0-0-9.ns.pod", "10.0.0.9"},
		{"fd00--8.ns.pod", "noname"},
		{"10-0-0-8.ns.pod", "noname"},
		{"10-0-0-9.svc.pod", "noname"},
	} {
		s, _ := cluster(all)
		if got := describe(s.Lookup(Local, tt.name)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLookupImported(t *testing.T) {
	s, _ := cluster(Options{Zonal: true})
	for name, want := range map[string]string{
		"db.ns.svc":             "10.9.0.1",
		"db-0.east.db.ns.svc":   "10.9.0.1",
		"db-0.west.db.ns.svc":   "noname",
		"db-0.db.ns.svc":        "noname",
		"east.db.ns.svc":        "nodata", // RFC 8020: db-0.east stands below
		"web.ns.svc":            "noname",
		"a.pin._zone.db.ns.svc": "noname",
		"_._tcp.db.ns.svc":      "noname",
		"_._.db.ns.svc":         "noname",
	} {
		if got := describe(s.Lookup(Imported, name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestIgnoreEmptyService(t *testing.T) {
	s, w := cluster(Options{IgnoreEmptyService: true})
	if got := describe(s.Lookup(Local, "web.ns.svc")); got != "noname" {
		t.Errorf("without endpoints: %s", got)
	}
	w.SetSlice(Local, &Slice{SliceKey: SliceKey{"ns", "web-1"}, Service: Key{"ns", "web"}, Endpoints: []Endpoint{{Addr: addr("10.0.0.1")}}})
	if got := describe(s.Lookup(Local, "web.ns.svc")); got != "10.96.0.20 fd00::20" {
		t.Errorf("with an endpoint: %s", got)
	}
}

func TestNotSynced(t *testing.T) {
	s := New(Options{})
	if got := s.Lookup(Local, "").Existence; got != NotSynced {
		t.Errorf("Lookup: %v", got)
	}
	if _, got := s.Reverse(nil, "1.0.0.10.in-addr.arpa."); got != NotSynced {
		t.Errorf("Reverse: %v", got)
	}
}

func describe(r Result) string {
	switch {
	case r.Existence == NoName:
		return "noname"
	case r.Existence == NoData:
		return "nodata"
	case r.What == Version:
		return "version"
	case r.What == NameServer:
		return "nameserver"
	case r.What == Alias:
		return "alias"
	}
	return text(r.AppendAddrs(r.AppendAddrs(nil, true, 1000), false, 1000))
}

func text(as []netip.Addr) string {
	return strings.Trim(fmt.Sprint(as), "[]")
}

// TestLookupAllocates shows that a lookup does not allocate, whatever it finds.
func TestLookupAllocates(t *testing.T) {
	s, _ := cluster(Options{Pods: PodsVerified, Zonal: true})
	var pointers [4]Pointer
	for _, name := range []string{
		"web.ns.svc", "db.ns.svc", "10-0-0-2.db.ns.svc", "fd00--0.db.ns.svc", "api.github.com.ns.svc",
		"10-0-0-9.ns.pod", "fd00--0-0-0-9.ns.pod", "_sql._tcp.db.ns.svc", "x.pin._zone.db.ns.svc", "ext.ns.svc",
	} {
		if n := testing.AllocsPerRun(100, func() { s.Lookup(Local, name) }); n != 0 {
			t.Errorf("Lookup(%s): %v allocations", name, n)
		}
	}
	for _, name := range []string{"1.0.0.10.in-addr.arpa.", "20.0.96.10.in-addr.arpa.", "10.in-addr.arpa."} {
		if n := testing.AllocsPerRun(100, func() { s.Reverse(pointers[:0], name) }); n != 0 {
			t.Errorf("Reverse(%s): %v allocations", name, n)
		}
	}
}

// TestLookupKeepsNothing overwrites the name's memory after a lookup, as a caller may that reuses
// its buffer. The result stays what it was.
func TestLookupKeepsNothing(t *testing.T) {
	s, w := cluster(Options{Pods: PodsVerified, Zonal: true})
	w.SetSlice(Local, &Slice{ // a host name that spells the address of another endpoint
		SliceKey: SliceKey{"ns", "db-2"}, Service: Key{"ns", "db"}, Ports: []Port{{Name: "sql", Protocol: "tcp", Number: 5432}},
		Endpoints: []Endpoint{{addr("10.0.0.7"), "10-0-0-2"}},
		Zones:     []string{"a"},
	})
	read := func(r Result) string {
		return fmt.Sprint(r.Existence, r.What, r.Service, r.Weight(), r.AppendAddrs(nil, true, 99), r.AppendAddrs(nil, false, 99), slices.Collect(r.Targets()))
	}
	for _, tt := range []struct {
		set  Set
		name string
	}{
		{Local, "web.ns.svc"}, {Local, "_http._tcp.web.ns.svc"}, {Local, "db.ns.svc"}, {Local, "_sql._tcp.db.ns.svc"},
		{Local, "db-0.db.ns.svc"}, {Local, "10-0-0-2.db.ns.svc"}, {Local, "fd00--0.db.ns.svc"}, {Local, "fd00--0-0-0-0.db.ns.svc"},
		{Local, "a.pin._zone.db.ns.svc"}, {Local, "b.c.prefer._zone.db.ns.svc"}, {Local, "x.prefer._zone.db.ns.svc"},
		{Local, "x.pin._zone.db.ns.svc"}, {Local, "ext.ns.svc"}, {Local, "10-0-0-9.ns.pod"}, {Local, "none.ns.svc"},
		{Imported, "db-0.east.db.ns.svc"}, {Imported, "db.ns.svc"},
	} {
		buf := []byte(tt.name)
		r := s.Lookup(tt.set, unsafe.String(&buf[0], len(buf)))
		before := read(r)
		for i := range buf {
			buf[i] = 'Z'
		}
		if after := read(r); after != before {
			t.Errorf("%s:\n before %s\n after  %s", tt.name, before, after)
		}
		if whole := read(s.Lookup(tt.set, tt.name)); whole != before {
			t.Errorf("%s:\n first  %s\n second %s", tt.name, before, whole)
		}
	}
}

// TestRotate shows that every endpoint comes first at times.
func TestRotate(t *testing.T) {
	s, w := headless()
	for i := range 50 {
		sl := &Slice{SliceKey: SliceKey{"ns", fmt.Sprint(i)}, Service: Key{"ns", "db"}}
		for j := range 100 {
			sl.Endpoints = append(sl.Endpoints, Endpoint{Addr: netip.AddrFrom4([4]byte{10, 0, byte(i), byte(j)})})
		}
		w.SetSlice(Local, sl)
	}
	first := map[netip.Addr]bool{}
	for range 100000 {
		r := s.Lookup(Local, "db.ns.svc")
		r.Rotate(rand.Uint64() >> 1)
		first[r.AppendAddrs(nil, true, 1)[0]] = true
	}
	if len(first) != 5000 {
		t.Errorf("%d of 5,000 endpoints came first", len(first))
	}
}

func TestTargets(t *testing.T) {
	s, _ := cluster(Options{})
	r := s.Lookup(Local, "_sql._tcp.db.ns.svc")
	got := slices.Collect(r.Targets())
	want := []Target{
		{Host: "db-0", Addr: addr("10.0.0.1"), Port: 5432},
		{Addr: addr("10.0.0.2"), Port: 5432},
		{Addr: addr("fd00::"), Port: 5432},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if r.Weight() != 33 {
		t.Errorf("weight %d, want 33", r.Weight())
	}
}

// TestShare compares with the stock plugin, which computes in floating point, for every number of
// records.
func TestShare(t *testing.T) {
	for n := 1; n <= 70000; n++ {
		stock := uint16(100.0 / float64(100*n) * 100)
		if got := share(n); got != max(1, stock) {
			t.Fatalf("share(%d) = %d, stock %d", n, got, stock)
		}
	}
}
