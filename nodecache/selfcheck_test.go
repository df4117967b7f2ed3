package nodecache

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/resolve"
)

// TestSelfCheck asks a front of which one loop hangs, alone and beside a process that shares
// its ports and hangs altogether.
func TestSelfCheck(t *testing.T) {
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(free(t)))
	front, wedged, check := checked(t, addr)
	loops := append(front.ReadersAt(addr), front.Readers()-1) // TCP is the last
	find := func() string {
		ctx, cancel := context.WithTimeout(t.Context(), roundTime)
		defer cancel()
		if err := check.at(ctx, addr); err != nil {
			return err.Error()
		}
		return ""
	}
	for _, beside := range []string{"alone", "beside another that hangs"} {
		if beside != "alone" {
			_, other, _ := checked(t, addr)
			other.Store(all)
		}
		wedged.Store(none)
		if got := find(); got != "" {
			t.Errorf("%s: %s", beside, got)
		}
		for i, loop := range loops {
			want := "no answer of its own from 1 of "
			if i == len(loops)-1 {
				want = "no answer of its own over TCP at "
			}
			wedged.Store(int32(loop))
			if got := find(); !strings.HasPrefix(got, want) {
				t.Errorf("%s: loop %d hangs: %q, expected %q", beside, loop, got, want)
			}
		}
	}
}

// TestSelfCheckEverywhere asks sockets of all addresses beside those of one of them, which the
// kernel prefers: the former must be asked elsewhere.
func TestSelfCheckEverywhere(t *testing.T) {
	port := freeEverywhere(t)
	var addrs []netip.AddrPort
	for _, a := range []string{"127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"} {
		addrs = append(addrs, netip.AddrPortFrom(netip.MustParseAddr(a), port))
	}
	front, wedged, check := checked(t, addrs...)
	find := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return check.at(ctx)
	}
	if err := find(); err != nil {
		t.Error(err)
	}
	for _, addr := range []netip.AddrPort{addrs[0], addrs[2]} {
		wedged.Store(int32(front.ReadersAt(addr)[0]))
		if err := find(); err == nil {
			t.Errorf("a hanging loop of %v is not found", addr)
		}
	}
}

// freeEverywhere returns a port that is free on all addresses, for UDP and TCP.
func freeEverywhere(t *testing.T) uint16 {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := netip.MustParseAddrPort(l.Addr().String()).Port()
		c, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		l.Close()
		if err == nil {
			c.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// What loops hang beside a certain one.
const (
	none = -1
	all  = -2
)

// checked serves addrs until the test ends.
func checked(t *testing.T, addrs ...netip.AddrPort) (f *front, wedged *atomic.Int32, check selfCheck) {
	t.Helper()
	p := newProcess(Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	p.resolver.Set(resolve.NewTable(nil))
	wedged = new(atomic.Int32)
	wedged.Store(none)
	f, err := startFront(p.frontConfig(addrs), func(dst, query []byte, c *listen.Client) []byte {
		if w := wedged.Load(); w == all || w == int32(c.Reader) {
			return nil
		}
		return p.resolver.Handle(dst, query, c)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.leave(); err != nil {
			t.Error(err)
		}
		p.resolver.Close()
	})
	p.addrs.Store(f)
	return f, wedged, p.selfCheck(loopback{}.way())
}

// TestReadLoop reads answers of whoever listens at the address.
func TestReadLoop(t *testing.T) {
	for _, test := range []struct {
		data  string
		shard int
		ok    bool
	}{
		{"\x0212", 12, true},
		{"\x02123", 12, true},
		{"\x00", 0, false},
		{"\x01", 0, false},
		{"\x031", 0, false},
		{"", 0, false},
		{"\x01x", 0, false},
	} {
		if shard, ok := readLoop([]byte(test.data)); ok != test.ok || ok && shard != test.shard {
			t.Errorf("%q: %d %t", test.data, shard, ok)
		}
	}
}

// TestCheckLocal wants what pods are sent to be listened on.
func TestCheckLocal(t *testing.T) {
	for _, test := range []struct{ listened, missing string }{
		{"169.254.20.10:53 [fd00::10]:53", ""},
		{"0.0.0.0:53 [::]:53", ""},
		{"0.0.0.0:53", "[fd00::10]:53"},
		{"169.254.20.10:5353 [fd00::10]:53", "169.254.20.10:53"},
		{"", "169.254.20.10:53"},
	} {
		var listened []netip.AddrPort
		for word := range strings.FieldsSeq(test.listened) {
			listened = append(listened, netip.MustParseAddrPort(word))
		}
		c := Config{Corefile: "F", Host: Host{Rules: true}, Options: corefile.Options{
			Port: 53, LocalIPs: []netip.Addr{netip.MustParseAddr("169.254.20.10"), netip.MustParseAddr("fd00::10")},
		}}
		err := c.checkLocal(listened)
		if test.missing == "" && err != nil || test.missing != "" && (err == nil || !strings.HasPrefix(err.Error(), "F: no server block listens on "+test.missing+",")) {
			t.Errorf("%q: %v, expected %q to miss", test.listened, err, test.missing)
		}
		c.Host = Host{}
		if err := c.checkLocal(listened); err != nil {
			t.Errorf("without a part in the node: %v", err)
		}
	}
}

// TestAllow names commands for the families that there are.
func TestAllow(t *testing.T) {
	got := allow([]netip.AddrPort{netip.MustParseAddrPort("169.254.20.10:53"), netip.MustParseAddrPort("10.96.0.10:53")})
	want := "iptables -I INPUT -d 169.254.20.10,10.96.0.10 -p udp --dport 53 -j ACCEPT; iptables -I OUTPUT -s 169.254.20.10,10.96.0.10 -p udp --sport 53 -j ACCEPT; " +
		"iptables -I INPUT -d 169.254.20.10,10.96.0.10 -p tcp --dport 53 -j ACCEPT; iptables -I OUTPUT -s 169.254.20.10,10.96.0.10 -p tcp --sport 53 -j ACCEPT"
	if got != want {
		t.Errorf("%q", got)
	}
}

// TestRounds counts the time without an answer, and says once what is wrong.
func TestRounds(t *testing.T) {
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(free(t)))
	_, wedged, check := checked(t, addr)
	p := newProcess(Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	defer p.resolver.Close()
	log := &notes{}
	i := &interception{last: time.Now().Add(-time.Hour), local: check, own: p.metrics.Own, log: slog.New(slog.NewTextHandler(log, nil))}
	wedged.Store(all)
	for range 2 {
		if err := i.round(t.Context()); err == nil {
			t.Error("no error")
		}
	}
	if i.silent < longestRound || i.silent > 2*longestRound || log.count("no answer of its own") != 1 {
		t.Errorf("silent for %v, logged %s", i.silent, log)
	}
	wedged.Store(none)
	if err := i.round(t.Context()); err != nil || i.silent != 0 || log.count("\n") != 2 {
		t.Errorf("%v; silent for %v, logged %s", err, i.silent, log)
	}
	ctx, cancel := context.WithTimeout(t.Context(), renewEvery/2)
	defer cancel()
	began := time.Now()
	if err := i.run(ctx); err != nil || time.Since(began) > renewEvery {
		t.Errorf("run: %v after %v", err, time.Since(began))
	}
}
