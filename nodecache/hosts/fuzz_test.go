package hosts

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/wire"
)

// FuzzHosts reads any text, and asks for everything in it: each name has each of its addresses
// once, each address has its names, and another parser can read every reply.
func FuzzHosts(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost localhost\n::1%lo0 Localhost # comment\n10.0.0.1 *.example a\\.b\n"))
	f.Add([]byte("1.2.3 x\n::ffff:1.2.3.4 y..z " + strings.Repeat("x", 64) + "\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			return // what is in a shorter one fits into one message
		}
		tab, faults := Parse("hosts", text, Options{})
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > strings.Count(string(text), "\n")+1 || fault.Text == "" || len(fault.Text) > maxText {
				t.Fatalf("fault %+v", fault)
			}
		}
		for key, host := range tab.parts[0].hosts {
			checkForward(t, tab, wire.A, key, host.v4)
			checkForward(t, tab, wire.AAAA, key, host.v6)
		}
		for addr, names := range tab.parts[0].names {
			checkReverse(t, tab, addr, names)
		}
	})
}

func checkForward(t *testing.T, tab *Table, qtype wire.Type, key string, list []netip.Addr) {
	if len(list) == 0 {
		return // a wildcard may stand in
	}
	q := &wire.Query{RD: true, Name: wire.Name(key), Type: qtype, Class: wire.IN}
	reply, state := tab.Append(nil, q, 7)
	if state != Answered || !q.Name.Valid() {
		t.Fatalf("%v: state %d", q.Name, state)
	}
	want, seen := make([]string, len(list)), map[netip.Addr]bool{}
	for i, addr := range list {
		want[i] = addr.String()
		if seen[addr] || addr.Zone() != "" || addr.Is4() != (qtype == wire.A) {
			t.Fatalf("%v: %v", q.Name, list)
		}
		seen[addr] = true
	}
	if got := records(t, q, reply); got != strings.Join(want, " ") {
		t.Fatalf("%v: %s, want %v", q.Name, got, want)
	}
}

func checkReverse(t *testing.T, tab *Table, addr netip.Addr, names []wire.Name) {
	q := &wire.Query{RD: true, Name: reverseOf(t, addr), Type: wire.PTR, Class: wire.IN}
	reply, state := tab.Append(nil, q, 7)
	if state != Answered {
		t.Fatalf("%v: state %d", addr, state)
	}
	count := 0
	for w := wire.Walk(reply); w.Next(); count++ {
		n := names[count]
		if string(reply[w.Data:w.End]) != string(n) {
			t.Fatalf("%v: %x, want %v", addr, reply[w.Data:w.End], n)
		}
		if !tab.knows(keysOf(n, nil, nil)) {
			t.Fatalf("%v has no address", n)
		}
	}
	if records(t, q, reply); count != len(names) {
		t.Fatalf("%v: %d names, want %d", addr, count, len(names))
	}
}
