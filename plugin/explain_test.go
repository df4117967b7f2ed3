package kubernetes

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/plugin/zone"

	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/minimal"
	_ "github.com/coredns/coredns/plugin/nsid"
)

// whyAsked asks over UDP, with EDNS for size bytes, and returns the reply and its extended errors.
func whyAsked(t *testing.T, address, name string, qtype, size uint16) (r *dns.Msg, errors string) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.SetEdns0(size, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
	r, err := dns.Exchange(m, address)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			errors += fmt.Sprintf("[%d %s]", e.InfoCode, e.ExtraText)
		}
	}
	return r, errors
}

// TestExplainInChainRFC8914 asks servers whose other plugins touch the answer or its OPT record: the
// extended error comes through, once, from their caches too, and takes no record's place.
func TestExplainInChainRFC8914(t *testing.T) {
	long := strings.Repeat("a", 60)
	for _, options := range []string{
		"", "cache 30", "bufsize 512\n cache 30", "nsid here\n cache 30", "loadbalance\n minimal\n cache 30",
		"cache 30\n rewrite name suffix .apps.example .default.svc.cluster.local answer auto",
	} {
		newCluster()
		alias("gone", "missing.default.svc.cluster.local")
		alias("one", "two.default.svc.cluster.local")
		alias("two", "web.default.svc.cluster.local")
		alias("circle", "circle.default.svc.cluster.local")
		address := startServer(t, ".:PORT {\n bind HOST\n "+options+"\n k8s_external\n}\n")
		for _, tt := range []struct {
			name  string
			qtype uint16
			want  string
		}{
			{"web.defaults.svc.cluster.local.", dns.TypeA, `[0 no such namespace "defaults", did you mean namespace "default"?]`},
			{"WEB.default.svc.cluster.local.", dns.TypeAAAA, "[0 service default/web has no IPv6 address]"},
			{"nothing.apps.example.", dns.TypeA, "[0 no such service default/nothing]"},
			{"web.default.svc.cluster.local.", dns.TypeA, ""},
			{"gone.default.svc.cluster.local.", dns.TypeA, "[0 the target of this alias, missing.default.svc.cluster.local, does not exist]"},
			{"one.default.svc.cluster.local.", dns.TypeAAAA, "[0 the target of this alias, web.default.svc.cluster.local, has no AAAA record]"},
			{"one.default.svc.cluster.local.", dns.TypeA, ""},
			{"circle.default.svc.cluster.local.", dns.TypeA, "[0 the target of this alias, circle.default.svc.cluster.local, could not be looked up]"},
			{"web.nothing.other.local.", dns.TypeA, ""}, // it is passed on, and nobody takes it
			{long + "." + long + "." + long + ".svc.cluster.local.", dns.TypeA, `[0 no such namespace "` + long + `"]`},
		} {
			if strings.HasSuffix(tt.name, "apps.example.") && !strings.Contains(options, "rewrite") {
				continue
			}
			for _, size := range []uint16{4096, 512} {
				r, got := whyAsked(t, address, tt.name, tt.qtype, size)
				if got != tt.want || r.Truncated || r.Len() > 1232 {
					t.Errorf("%q, %s, %d bytes: got %s, TC %v\nwant %s", options, tt.name, size, got, r.Truncated, tt.want)
				}
				if tt.name != "web.nothing.other.local." && strings.Contains(options, "nsid") != strings.Contains(r.IsEdns0().String(), "NSID: 68657265") {
					t.Errorf("%q, %s: %v", options, tt.name, r.IsEdns0())
				}
			}
			if r := exchange(t, address, tt.name, tt.qtype); r.IsEdns0() != nil {
				t.Errorf("%q, %s: an OPT record for a query without", options, tt.name)
			}
		}
	}
}

// TestExplainTakesNoRoom asks for more and more records, with and without an extended error to go with
// them: they are cut at the same place, and no reply is too long.
func TestExplainTakesNoRoom(t *testing.T) {
	k, w := testHandler(testConfig())
	notice := func() wire.Error {
		return wire.Error{Set: true, Code: wire.StaleAnswer, Text: []byte(strings.Repeat("the records are old ", 5))}
	}
	key, whole, part, none := zone.Key{Namespace: "ns", Name: "many"}, 0, 0, 0
	w.SetService(zone.Local, &zone.Service{Key: key, Kind: zone.Headless})
	sl := zone.Slice{SliceKey: zone.SliceKey{Namespace: "ns", Name: "many"}, Service: key}
	for i := range 40 {
		next := sl
		next.Endpoints = append(sl.Endpoints[:i:i], zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 7, 0, byte(i)})})
		sl = next
		w.SetSlice(zone.Local, &next)
		for size := uint16(512); size < 700; size += 3 {
			m := new(dns.Msg)
			m.SetQuestion("many.ns.svc.cluster.local.", dns.TypeA)
			m.SetEdns0(size, false)
			query, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			k.responder.Notice = nil
			want := throughChain(t, k, query, false)
			k.responder.Notice = notice
			got := throughChain(t, k, query, false)
			if n := len(got.IsEdns0().Option); n == 0 {
				none++
			} else if len(got.IsEdns0().Option[0].(*dns.EDNS0_EDE).ExtraText) < 100 {
				part++
			} else {
				whole++
			}
			got.Compress = true
			if got.Truncated != want.Truncated || len(got.Answer) != len(want.Answer) || got.Len() > int(size) {
				t.Fatalf("%d endpoints, %d bytes: %d bytes, TC %v, %d records; want TC %v, %d", i, size, got.Len(), got.Truncated, len(got.Answer), want.Truncated, len(want.Answer))
			}
		}
	}
	if whole == 0 || part == 0 || none == 0 {
		t.Errorf("%d texts are whole, %d in part, %d are left out", whole, part, none)
	}
}

// TestNotSyncedRFC8914 asks a server that has no records yet, with and without a cache.
func TestNotSyncedRFC8914(t *testing.T) {
	for _, options := range []string{"", "cache 30"} {
		newCluster()
		written.store = zone.New(testConfig().names)
		address := startServer(t, ".:PORT {\n bind HOST\n "+options+"\n k8s_external\n}\n")
		for range 2 {
			r, got := whyAsked(t, address, "web.default.svc.cluster.local.", dns.TypeA, 1232)
			if want := "[14 not synced with the Kubernetes API yet]"; r.Rcode != dns.RcodeServerFailure || got != want {
				t.Errorf("%q: %s, %s, want %s", options, dns.RcodeToString[r.Rcode], got, want)
			}
		}
	}
}
