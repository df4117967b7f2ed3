package kubernetes

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
	"github.com/neardns/neardns/plugin/zone"
)

// datagram asks over UDP, with an OPT record that claims size, and returns the reply and its
// length in bytes.
func datagram(t *testing.T, address, name string, qtype, size uint16) (*dns.Msg, int) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.SetEdns0(size, false)
	query, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(query); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(reply)
	if err != nil {
		t.Fatalf("%s with a size of %d: %v", name, size, err)
	}
	r := new(dns.Msg)
	if err := r.Unpack(reply[:n]); err != nil {
		t.Fatal(err)
	}
	return r, n
}

// TestUDPSize asks over UDP for more than fits, and claims to take all there can be: no more
// than 1,232 bytes come (RFC 9715, section 3.1), or what bufsize says, also from the cache and
// at names that are rewritten. A reply that is cut has records all the same: musl before
// 1.2.6 does not ask again over TCP.
func TestUDPSize(t *testing.T) {
	for _, tt := range []struct {
		options     string
		least, most int
	}{
		{"", 900, 1232},
		{"bufsize", 900, 1232},
		{"bufsize 1400", 1233, 1400},
		{"bufsize 4096", 3000, 4096},
		{"bufsize 512", 300, 512},
		{"cache 30", 900, 1232},
		{"cache 30\n bufsize 4096", 3000, 4096},
		{"rewrite name suffix .apps.example .default.svc.cluster.local answer auto", 900, 1232},
	} {
		newCluster()
		key := zone.Key{Namespace: "default", Name: "big"}
		slice := &zone.Slice{SliceKey: zone.SliceKey{Namespace: "default", Name: "big"}, Service: key, Ports: []zone.Port{{Name: "p", Protocol: "tcp", Number: 1}}}
		for i := range 300 {
			slice.Endpoints = append(slice.Endpoints, zone.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 2, byte(i / 250), byte(i % 250)})})
		}
		written.SetService(zone.Local, &zone.Service{Key: key, Kind: zone.Headless})
		written.SetSlice(zone.Local, slice)
		address := startServer(t, ".:PORT {\n bind HOST\n "+tt.options+"\n k8s_external\n}\n")
		for _, name := range []string{"big.default.svc.cluster.local.", "BIG.default.svc.cluster.local.", "big.apps.example."} {
			whole := exchange(t, address, name, dns.TypeSRV) // over TCP: now the cache has it
			if whole.Rcode != dns.RcodeSuccess {
				continue // there is no rewrite
			}
			if len(whole.Answer) != 300 {
				t.Fatalf("over TCP: %d records", len(whole.Answer))
			}
			for _, qtype := range []uint16{dns.TypeSRV, dns.TypeA} {
				for _, size := range []uint16{65535, 65508, 8192} { // no datagram is longer than 65,507
					r, n := datagram(t, address, name, qtype, size)
					what := fmt.Sprintf("%q: %s %s, size %d", tt.options, name, dns.TypeToString[qtype], size)
					if n < tt.least || n > tt.most || !r.Truncated {
						t.Errorf("%s: %d bytes, TC %v, want %d to %d with TC", what, n, r.Truncated, tt.least, tt.most)
					}
					if len(r.Answer) == 0 {
						t.Errorf("%s: no record", what)
					}
				}
			}
		}
		if _, n := datagram(t, address, "big.default.svc.cluster.local.", dns.TypeSRV, 600); n > 600 {
			t.Errorf("%q: %d bytes for a client that takes 600", tt.options, n)
		}
	}
}

// TestStreamSize has queries come over UDP, and over QUIC, whose streams carry messages as TCP
// does (RFC 9250, section 4.2): only those over UDP are held to less than they ask for.
func TestStreamSize(t *testing.T) {
	k, _ := testHandler(testConfig())
	for _, tt := range []struct {
		address string
		want    uint16
	}{
		{"dns://127.0.0.1:53", defaultUDPSize},
		{"quic://127.0.0.1:853", 4096},
		{"https3://127.0.0.1:443", 4096},
	} {
		q := state("web.ns.svc.cluster.local.", "10.240.0.1")
		q.Req.SetEdns0(4096, false)
		ctx := context.WithValue(t.Context(), dnsserver.Key{}, &dnsserver.Server{Addr: tt.address})
		k.fitUDP(ctx, &q)
		if got := q.Req.IsEdns0().UDPSize(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.address, got, tt.want)
		}
	}
}
