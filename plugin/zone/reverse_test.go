package zone

import (
	"fmt"
	"testing"
)

func TestReverse(t *testing.T) {
	s, w := cluster(Options{})
	w.SetService(Local, &Service{Key: Key{"ns", "more"}, Kind: Headless})
	w.SetSlice(Local, &Slice{SliceKey: SliceKey{"ns", "more-1"}, Service: Key{"ns", "more"}, Endpoints: []Endpoint{{Addr: addr("10.0.0.1")}}})
	w.SetSlice(Local, &Slice{SliceKey: SliceKey{"ns", "orphan"}, Service: Key{"ns", "orphan"}, Endpoints: []Endpoint{{Addr: addr("10.7.0.1")}}})
	w.SetSlice(Local, &Slice{SliceKey: SliceKey{"ns", "ext-1"}, Service: Key{"ns", "ext"}, Endpoints: []Endpoint{{Addr: addr("10.8.0.1")}}})
	const ip6 = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa."
	for _, tt := range []struct{ name, want string }{
		{"20.0.96.10.in-addr.arpa.", "web"},
		{"1.0.0.10.in-addr.arpa.", "db-0.db 10.0.0.1.more"},
		{"2.0.0.10.in-addr.arpa.", "10.0.0.2.db"},
		{"3.0.0.10.in-addr.arpa.", "noname"},
		{"0.2" + ip6[3:], "web"},
		{"0.0" + ip6[3:], "fd00::.db"},
		{"in-addr.arpa.", "nodata"}, // RFC 8020
		{"10.in-addr.arpa.", "nodata"},
		{"96.10.in-addr.arpa.", "nodata"},
		{"95.10.in-addr.arpa.", "noname"},
		{"11.in-addr.arpa.", "noname"},
		{"d.f.ip6.arpa.", "nodata"},
		{"0.d.f.ip6.arpa.", "nodata"},
		{"1.d.f.ip6.arpa.", "noname"},
		{"f.ip6.arpa.", "nodata"},
		{"0.ip6.arpa.", "noname"}, // IPv4 addresses are not below it
		{"1.0.0.0.0.0.a.0.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", "noname"},
		{"ip6.arpa.", "nodata"},
		{"23.0.96.10.in-addr.arpa.", "noname"}, // its namespace is gone
		{"1.0.7.10.in-addr.arpa.", "noname"},   // its Service is not there
		{"7.10.in-addr.arpa.", "noname"},
		{"1.0.8.10.in-addr.arpa.", "noname"}, // an ExternalName has no endpoints
		{"01.0.0.10.in-addr.arpa.", "noname"},
		{"256.0.0.10.in-addr.arpa.", "noname"},
		{"x.1.0.0.10.in-addr.arpa.", "noname"},
		{"00.d.f.ip6.arpa.", "noname"},
		{"1." + ip6, "noname"},
		{"xin-addr.arpa.", "noname"},
	} {
		if got := describePointers(s.Reverse(nil, tt.name)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func describePointers(ps []Pointer, e Existence) string {
	switch e {
	case NoName:
		return "noname"
	case NoData:
		return "nodata"
	}
	out := ""
	for _, p := range ps {
		host := p.Host + "."
		switch {
		case p.Whole:
			host = ""
		case p.Host == "":
			host = p.Addr.String() + "."
		}
		out += " " + host + p.Name
	}
	return out[1:]
}

// TestReversePassesOver shows that holders without PTR records cost a bounded search.
func TestReversePassesOver(t *testing.T) {
	s, w := cluster(Options{})
	for i := range 200 {
		ip := addr(fmt.Sprintf("10.50.0.%d", i))
		name := fmt.Sprint("orphan-", i)
		w.SetSlice(Local, &Slice{SliceKey: SliceKey{"ns", name}, Service: Key{"ns", name}, Endpoints: []Endpoint{{Addr: ip}}})
	}
	if _, e := s.Reverse(nil, "50.10.in-addr.arpa."); e != NoData {
		t.Errorf("many holders: %v, want the safe answer", e)
	}
}

func TestPointers(t *testing.T) {
	s, _ := cluster(Options{})
	n := 0
	for range s.Pointers() {
		n++
	}
	if n != 7 { // 4 cluster IPs in namespaces that exist, 3 endpoints
		t.Errorf("%d addresses, want 7", n)
	}
}
