package hard

import (
	"fmt"
	"net/netip"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// oneByOne takes a millisecond for each answer. Over UDP it only says that there is more.
func oneByOne(s *testkit.Session, q wire.Message) {
	if s.TCP() {
		time.Sleep(time.Millisecond) // this is how long it works on a query
	}
	overTCPOnly(s, q)
}

// TestClosesAfterAnswers has an upstream close its connections after one answer, or after two
// (RFC 7766, section 6.2.4), with 20, 50 and 100 queries outstanding. Hardly any may fail: one in
// a hundred, for a busy machine, or as many as through stock CoreDNS.
func TestClosesAfterAnswers(t *testing.T) {
	for _, proto := range []string{"tcp", "udp"} {
		for _, limit := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d", proto, limit), func(t *testing.T) {
				f := testkit.Start(t, &testkit.Server{Play: oneByOne, InOrder: true, Limit: limit})
				n, stock := start(t, block(".", proto, f)), startStock(t, proto, f)
				for _, outstanding := range []int{20, 50, 100} {
					theirs := failures(stock, fmt.Sprintf("stock-%d", outstanding), 2000, outstanding)
					ours := failures(n.addr, fmt.Sprintf("ours-%d", outstanding), 2000, outstanding)
					t.Logf("%d outstanding: %d of 2000 failed, stock: %d", outstanding, ours, theirs)
					if ours > max(theirs, 2000/100) {
						t.Errorf("%d outstanding: %d of 2000 failed", outstanding, ours)
					}
				}
			})
		}
	}
}

// startStock starts stock CoreDNS in front of f, without a cache.
func startStock(t *testing.T, proto string, f *testkit.Server) netip.AddrPort {
	t.Helper()
	addr, option := testkit.FreeAddr(t), ""
	if proto == "tcp" {
		option = " {\n\t\tforce_tcp\n\t}"
	}
	run.StockDNS(t, addr, fmt.Sprintf(".:%d {\n\tbind 127.0.0.1\n\tforward . %s%s\n}\n", addr.Port(), f.Addr, option))
	return addr
}

// failures asks for n names, with so many queries outstanding, and returns how many failed.
func failures(to netip.AddrPort, of string, n, outstanding int) int64 {
	var next, failed atomic.Int64
	var group sync.WaitGroup
	for i := range outstanding {
		who := client{"udp", netip.AddrFrom4([4]byte{127, 0, 2, byte(1 + i)})}
		group.Go(func() {
			for k := next.Add(1); k <= int64(n); k = next.Add(1) {
				if a := who.ask(to, fmt.Sprintf("%s-%d.example.org.", of, k)); !a.right() {
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	return failed.Load()
}

// TestDnsmasqClosesAfterAnswers asks a real server of that kind: dnsmasq closes a connection after
// 100 answers.
func TestDnsmasqClosesAfterAnswers(t *testing.T) {
	addr := testkit.FreeAddr(t)
	dnsmasq := run.Start(t, exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=",
		fmt.Sprintf("--port=%d", addr.Port()), "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
		"--no-resolv", "--no-hosts", "--address=/example.org/192.0.2.7"), t.TempDir())
	dnsmasq.Answers(addr)
	n := start(t, fmt.Sprintf(". {\n\tbind 127.0.0.1\n\tcache\n\tforward . %s {\n\t\tforce_tcp\n\t}\n}\n", addr))
	var group sync.WaitGroup
	var failed atomic.Int64
	for i := range 50 {
		group.Go(func() {
			for k := range 40 {
				if a := overUDP.ask(n.addr, fmt.Sprintf("name-%d-%d.example.org.", i, k)); a.err != nil || len(a.Answer) != 1 {
					t.Log(a)
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of 2000 failed", failed.Load())
	}
}
