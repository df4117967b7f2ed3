package express

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/hostile"
)

// TestStreams sends over TCP everything that is not a query, and reads answers too slowly.
func TestStreams(t *testing.T) {
	s := newSiege(t)
	a := hostile.Streams{To: s.addr, Hit: hit, Long: long}
	a.Attack(t, []hostile.Attack{
		{Name: "random bytes", Conns: 200, Do: a.Random},
		{Name: "empty frames", Conns: 50, Do: a.EmptyFrames},
		{Name: "frames as long as can be", Conns: 50, Do: a.LongFrames, Alone: true},
		{Name: "half a frame", Conns: 100, Do: a.HalfFrame},
		{Name: "half-closed", Conns: 50, Do: a.HalfClosed},
		{Name: "a byte at a time", Conns: 20, Do: a.SlowWriter},
		{Name: "a byte a second", Conns: 50, Do: a.TooSlowWriter},
		{Name: "no reader", Conns: 40, Do: a.NoReader},
		{Name: "a slow reader", Conns: 10, Do: a.SlowReader},
	})
	s.end(96)
}

// TestGarbage sends many packets. Hardly any of them is a query.
func TestGarbage(t *testing.T) {
	const packets, senders, perRound = 300_000, 4, 250
	s := newSiege(t)
	var answered, rounds atomic.Int64
	s.attackers(senders, func(i int, c net.Conn) {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		for range packets / senders / perRound {
			for range perRound {
				_, _ = c.Write(hostile.Junk(r, hit)) // a full queue may drop it
			}
			rounds.Add(1)
			if hostile.AnswersHit(c, hit) {
				answered.Add(1)
			}
		}
	})
	if answered.Load() < rounds.Load()/2 {
		t.Errorf("%d of %d queries were answered between the packets, so that those may not have been read", answered.Load(), rounds.Load())
	}
	s.end(64)
}

// attackers has n clients do something over UDP.
func (s *siege) attackers(n int, do func(i int, c net.Conn)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			c, err := hostile.Dial("udp", netip.AddrFrom4([4]byte{127, 0, 6, byte(1 + i)}), s.addr)
			if err != nil {
				s.t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			do(i, c)
		})
	}
	group.Wait()
}

// TestFlood has one client ask as fast as it can, for names of the cluster or for an answer that is
// long. It reads no answer. The others have theirs, of which CoreDNS's own front gives none over UDP.
func TestFlood(t *testing.T) {
	for what, query := range map[string]func(i int64) []byte{
		"names of the cluster": func(i int64) []byte { return hostile.Query(nameIn("ns")(i), wire.A) },
		"a long answer":        func(int64) []byte { return hostile.Query(long, wire.SRV) },
	} {
		t.Run(what, func(t *testing.T) {
			s := newSiege(t)
			s.flood(query)
			s.end(96)
		})
	}
}

// TestFloodPassedOn has one client ask as fast as it can for names that are forwarded. CoreDNS's plugins
// take all CPUs then, which the others notice. But most of them have their answers.
func TestFloodPassedOn(t *testing.T) {
	s := newSiege(t)
	s.flood(func(i int64) []byte { return hostile.Query(fmt.Sprintf("flood-%d.example.org.", i), wire.A) })
	s.others.StopWithin(2*patience, 20)
	s.well(96)
}

// flood has one client ask for as many names as there are Services, again and again.
func (s *siege) flood(query func(i int64) []byte) {
	const floodTime = 5 * time.Second
	var queries [][]byte
	for i := range int64(services) {
		queries = append(queries, query(i))
	}
	s.attackers(1, func(_ int, c net.Conn) {
		for end, i := time.Now().Add(floodTime), 0; time.Now().Before(end); i++ {
			_, _ = c.Write(queries[i%len(queries)]) // a full queue may drop it
		}
	})
}

// TestReflection sends answers, as others do in the name of a victim. None of them is answered.
func TestReflection(t *testing.T) {
	s := start(t, one(""), records(), testkit.Serve(t, testkit.Address(outsideIs, 60)))
	for _, network := range []string{"udp", "tcp"} {
		for _, name := range []string{hit, "host.example.org.", "absent.ns.svc.cluster.local."} {
			c, err := hostile.Dial(network, netip.MustParseAddr("127.0.0.1"), s.addr)
			if err != nil {
				t.Fatal(err)
			}
			answer, query := hostile.Query(name, wire.A), hostile.Query(hit, wire.A)
			answer.SetFlags(wire.QR, 0)
			query.SetID(2)
			conn := &dns.Conn{Conn: c, UDPSize: 4096}
			_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
			for range 10 {
				if _, err := conn.Write(answer); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := conn.Write(query); err != nil {
				t.Fatal(err)
			}
			m, err := conn.ReadMsg()
			if err != nil || m.Id != 2 {
				t.Errorf("%s over %s: %v %v", name, network, m, err)
			}
			_ = c.Close()
		}
	}
}

// TestIdle opens thousands of connections that ask once or never. They cost little.
func TestIdle(t *testing.T) {
	const idle, idlers, most = 3000, 30, 12 << 20 // bytes
	hostile.MoreFiles(t, idle+2000)
	s := newSiege(t)
	rest := s.status("VmRSS:")
	conns := make([][]net.Conn, idlers)
	var group sync.WaitGroup
	for i := range conns {
		group.Go(func() {
			conns[i] = hostile.OpenIdle(t, s.addr, netip.AddrFrom4([4]byte{127, 0, 5, byte(1 + i)}), idle/idlers, hit)
		})
	}
	group.Wait()
	more, open := s.status("VmRSS:")-rest, hostile.StillOpen(slices.Concat(conns...))
	t.Logf("%d connections, with %d kB more", open, more)
	if open < idle*9/10 {
		t.Errorf("%d connections are open, expected %d", open, idle)
	}
	if more > most>>10+8<<10 { // others ask meanwhile
		t.Errorf("%d connections take %d kB", idle, more)
	}
	for _, list := range conns {
		for _, c := range list {
			_ = c.Close()
		}
	}
	s.end(48)
}

// TestTransfer has clients transfer a zone of 1 MB, and read it slowly or not at all, while others ask.
// The server keeps little of it, and those that read get it all.
func TestTransfer(t *testing.T) {
	s := newSiege(t)
	a := hostile.Streams{To: s.addr}
	ask := hostile.Frame(hostile.Query("cluster.local.", wire.AXFR))
	a.Attack(t, []hostile.Attack{
		{Name: "a slow reader", Conns: 3, Do: func(c net.Conn) error { return transferSlowly(c, ask) }},
		{Name: "no reader", Conns: 12, Do: func(c net.Conn) error {
			_, err := c.Write(ask)
			time.Sleep(3 * time.Second) // it reads nothing: that is what it does
			return err
		}},
	})
	s.end(96)
}

// transferSlowly reads a whole transfer, a few kB at a time.
func transferSlowly(c net.Conn, ask []byte) error {
	if _, err := c.Write(ask); err != nil {
		return err
	}
	slow := hostile.Slow{Conn: c}
	for records, soa := 0, 0; soa < 2; {
		m, err := hostile.ReadFrame(slow)
		if err != nil {
			return fmt.Errorf("after %d records: %w", records, err)
		}
		parsed := new(dns.Msg)
		if err := parsed.Unpack(m); err != nil || parsed.Rcode != dns.RcodeSuccess {
			return fmt.Errorf("after %d records: %v %w", records, parsed, err)
		}
		for _, rr := range parsed.Answer {
			if records++; rr.Header().Rrtype == dns.TypeSOA {
				soa++
			}
		}
		if soa == 2 && records < 2*endpoints {
			return fmt.Errorf("the transfer has %d records", records)
		}
	}
	return nil
}
