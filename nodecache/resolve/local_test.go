package resolve

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/hosts"
)

// inline returns a hosts directive that has lines.
func inline(lines string, through ...wire.Name) *Hosts {
	f := hosts.Open(hosts.Config{Path: "/nonexistent/hosts", Inline: lines, Report: func(error) {}})
	return &Hosts{File: f, TTL: 60, Through: through}
}

// TestHosts answers from a hosts file as the stock plugin does. It answers localhost itself (RFC
// 6761, section 6.3) where the file has no address of it.
func TestHosts(t *testing.T) {
	const lines = "10.1.1.1 a.example\n10.1.1.2 my.localhost\nfd00::1 six.example"
	for _, tt := range []struct {
		through, unsupported bool
		query, want          string
		asked                []string
	}{
		{query: "A.example.", want: "NOERROR aa; A.example. 60 A 10.1.1.1"},
		{query: "a.example. AAAA", want: "NOERROR aa"},
		{query: "a.example. MX edns", want: "NOERROR aa; OPT 1232"},
		{unsupported: true, query: "a.example. MX", want: "NOERROR aa"},
		{query: "a.example. ANY", want: "NOERROR aa"},
		{query: "1.1.1.10.in-addr.arpa. PTR", want: "NOERROR aa; 1.1.1.10.in-addr.arpa. 60 PTR a.example."},
		{query: "my.localhost.", want: "NOERROR aa; my.localhost. 60 A 10.1.1.2"},
		{query: "localhost.", want: "NOERROR; localhost. 86400 A 127.0.0.1"},
		{query: "b.example.", want: "SERVFAIL"},
		{query: "9.1.1.10.in-addr.arpa. PTR", want: "NXDOMAIN; " + soa, asked: []string{"9.1.1.10.in-addr.arpa. PTR"}},
		{through: true, query: "b.example.", want: "NXDOMAIN; " + soa, asked: []string{"b.example. A"}},
		{through: true, query: "localhost.", want: "NOERROR; localhost. 86400 A 127.0.0.1"},
		{through: true, query: "a.example. MX", want: "NOERROR aa"},
		{through: true, unsupported: true, query: "a.example. MX", want: "NXDOMAIN; " + soa, asked: []string{"a.example. MX"}},
		{through: true, unsupported: true, query: "a.example. ANY", want: "NXDOMAIN; " + soa, asked: []string{"a.example. ANY"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.block.Hosts = inline(lines)
			if tt.through {
				r.block.Hosts.Through = []wire.Name{{0}}
			}
			r.block.Hosts.Unsupported = tt.unsupported
			r.want(tt.query, tt.want)
			r.asked(tt.asked...)
		})
	}
}

// TestIPv4Only denies AAAA in the zones of a template, before anything else is looked at.
func TestIPv4Only(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *Block) { b.IPv4Only = []wire.Name{testkit.Name(t, "example.")} })
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		r.up.say("a.example.org. AAAA", "a.example.org. 60 AAAA fd00::1")
		r.want("a.Example. AAAA edns", "NOERROR; OPT 1232 ede=0")
		r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.1")
		r.want("a.example.org. AAAA", "NOERROR; a.example.org. 60 AAAA fd00::1")
		r.asked("a.example. A", "a.example.org. AAAA")
	})
}

// TestRoutes answers by the longest zone, at the address that was asked.
func TestRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		other, local := newFake(), usual(t, newFake())
		stub := usual(t, other)
		r.up.say("a.example. A", "a.example. 60 A 10.0.0.1")
		other.say("a.stub.example. A", "a.stub.example. 60 A 10.0.0.2")
		local.Forwards[0].Upstream.(*fake).say("a.localhost. A", "a.localhost. 60 A 10.0.0.3")
		count := r.zone
		anywhere := func(addr string, zone string) Server {
			return Server{Addr: netipAddr(addr), Other: count, Routes: []Route{{testkit.Name(t, zone), r.block, count}}}
		}
		r.Set(NewTable([]Server{
			anywhere("0.0.0.0:53", "four."), anywhere("[::]:53", "six."),
			{Addr: r.local, Other: count, Routes: []Route{
				{testkit.Name(t, "example."), r.block, count}, {testkit.Name(t, "stub.Example."), stub, count}, {testkit.Name(t, "localhost."), local, count},
			}},
		}))
		r.want("a.example.", "NOERROR; a.example. 60 A 10.0.0.1")
		r.want("a.STUB.example.", "NOERROR; a.STUB.example. 60 A 10.0.0.2")
		r.want("a.localhost.", "NOERROR; a.localhost. 60 A 10.0.0.3")
		r.want("a.org.", "REFUSED")
		r.want("astub.example.", "NXDOMAIN; "+soa)
		r.want("a.four. edns", "REFUSED; OPT 1232 ede=0")
		r.local = netipAddr("10.0.0.9:53")
		r.want("a.four.", "NXDOMAIN; "+soa)
		r.want("a.six.", "REFUSED")
		r.local = netipAddr("[fd00::9]:53")
		r.want("a.six.", "NXDOMAIN; "+soa)
		r.want("a.four.", "REFUSED")
		r.local = netipAddr("10.0.0.9:54")
		r.want("a.four.", "REFUSED")
		r.want("version.bind. TXT class=3", `NOERROR; version.bind. 0 CH TXT "neardns 1"`)
	})
}

// TestComesBack notices that a query of our own comes back, and answers it.
func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gone := errors.New("gone")
		var own string
		back, err := r.ComesBack(testkit.Name(t, "Example."), func(q *wire.Query) error {
			own = q.Name.String()
			r.want("x."+own+" HINFO", "NXDOMAIN; "+soa)
			return gone
		})
		if back || err != gone {
			t.Errorf("it did not come back: %t %v", back, err)
		}
		r.asked("x." + own[:len(own)-8] + "example. HINFO")
		back, err = r.ComesBack(testkit.Name(t, "Example."), func(q *wire.Query) error {
			own = q.Name.String()
			r.want(own+" HINFO", "NXDOMAIN")
			return gone
		})
		if !back || err != nil {
			t.Errorf("it came back: %t %v", back, err)
		}
		r.want(own+" HINFO", "NXDOMAIN; "+soa)
		long := append(wire.Name("\x3f"+string(make([]byte, 63))+"\x3f"+string(make([]byte, 63))+"\x3f"+string(make([]byte, 63))+"\x3d"+string(make([]byte, 61))), 0)
		r.ComesBack(long, func(q *wire.Query) error {
			if !q.Name.Valid() {
				t.Error("a name that is too long")
			}
			return nil
		})
	})
}
