package hard

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/hostile"
	"github.com/neardns/neardns/test/nodecache/run"
)

// How long the bounds are held, and how often the test looks at memory.
const (
	boundsTime = 25 * time.Second
	boundsLook = 50 * time.Millisecond
)

// TestMemoryBounds drives everything that clients can make grow to its bound, all at once, in a
// cgroup with the manifest's limit: cached answers, long and short; names that are never answered;
// queries that wait for one name; connections that are idle, send half a message or do not read
// their answers; datagrams that come faster than they are answered; HTTP connections. The kernel
// kills nothing, DNS answers, and memory stays within the limit, that of sockets included.
func TestMemoryBounds(t *testing.T) {
	hostile.MoreFiles(t, files)
	b := newBoundsTrial(t, manifestLimit(t))
	ctx, stop := context.WithTimeout(t.Context(), boundsTime)
	defer stop()
	var group sync.WaitGroup
	for _, load := range []func(context.Context){b.fill, b.slow, b.wait, b.streams, b.flood, b.pages} {
		group.Go(func() { load(ctx) })
	}
	group.Go(func() { b.measure(ctx) })
	group.Go(func() { b.ask(ctx, &b.hits, func(int) string { return "hit.example.org." }) })
	group.Go(func() { b.ask(ctx, &b.fresh, func(i int) string { return fmt.Sprintf("fresh-%d.example.org.", i) }) })
	group.Wait()
	b.judge()
}

// boundsTrial is a node cache in a cgroup, and what the test has seen of it.
type boundsTrial struct {
	*node
	cgroup *run.Cgroup
	limit  int64
	bounds map[string]int64 // as the node cache logs them

	most, waiting, conns int64 // the greatest seen
	hits, fresh          tally
}

// tally is how many queries of a kind were asked, and how many got no right answer.
type tally struct{ all, lost int }

// newBoundsTrial starts a node cache with the manifest's blocks. The program is copied inside the
// cgroup, so the pages of its file count too.
func newBoundsTrial(t *testing.T, limit int64) *boundsTrial {
	t.Helper()
	f := newServer(t)
	f.Do(boundsPlay)
	addr, metrics, dir := testkit.FreeAddr(t), testkit.FreeAddr(t), t.TempDir()
	const one = "%s {\n\tbind 127.0.0.1 127.0.0.2\n\terrors\n\tcache {\n\t\tsuccess 9984 3600\n\t\tdenial 9984 3600\n\t}\n\tforward . %s\n}\n"
	run.Write(t, dir, "Corefile", fmt.Sprintf(one, "cluster.local in-addr.arpa ip6.arpa", f.Addr)+fmt.Sprintf(one, ".", f.Addr))
	c := run.NewCgroup(t, limit)
	cmd := c.Command("sh", "-ec", `cp "$0" nodecache; exec ./nodecache "$@"`, run.Program(),
		"-conf", "Corefile", "-metrics-listen-address", metrics.String(), "-dns.port", fmt.Sprint(addr.Port()))
	b := &boundsTrial{node: &node{&run.Node{Process: run.Start(t, cmd, dir), Metrics: metrics}, t, addr}, cgroup: c, limit: limit}
	b.Answers(addr)
	b.bounds = map[string]int64{}
	for _, m := range regexp.MustCompile(`memory\.(\w+)=(\d+)`).FindAllStringSubmatch(b.Logs("bounds within"), -1) {
		b.bounds[m[1]], _ = strconv.ParseInt(m[2], 10, 64)
	}
	t.Logf("limit %d, at rest %d; bounds %v", limit, c.Use(), b.bounds)
	return b
}

// boundsPlay never answers names that begin with slow, and gives long answers to those that
// begin with long.
func boundsPlay(s *testkit.Session, q wire.Message) {
	switch name := testkit.NameOf(q); {
	case strings.HasPrefix(name, "slow"):
	case strings.HasPrefix(name, "long") && !s.TCP():
		m := right(q)
		wire.Message(m).SetFlags(wire.TC, 0)
		s.Send(m)
	case strings.HasPrefix(name, "long"):
		many(s, q)
	default:
		answers(s, q)
	}
}

// manifestLimit returns the memory limit of the manifest's container, in bytes.
func manifestLimit(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "manifests", "nodecache", "daemonset.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`limits:\s+memory: (\d+)Mi`).FindSubmatch(text)
	if m == nil {
		t.Fatal("the manifest has no memory limit in Mi")
	}
	limit, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return limit << 20
}

// from returns the i-th client of a group. Each group has a network of its own.
func from(network string, group, i int) client {
	return client{network, netip.AddrFrom4([4]byte{127, 0, byte(20 + group), byte(1 + i)})}
}

// fill fills the caches of both blocks, with answers long and short.
func (b *boundsTrial) fill(ctx context.Context) {
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			c := &connection{to: b.addr, from: from("tcp", 0, w).from}
			defer c.close()
			for i := 0; ctx.Err() == nil; i++ {
				kind := "short"
				if i%8 == 0 {
					kind = "long"
				}
				zone := []string{"example.org.", "ns.svc.cluster.local."}[i/8%2]
				c.ask(fmt.Sprintf("%s-%d-%d.%s", kind, w, i, zone))
			}
		})
	}
	group.Wait()
}

// datagrams has clients send queries in bursts, with pauses between them. They read no answer.
func (b *boundsTrial) datagrams(ctx context.Context, group, clients, burst int, pause time.Duration, name func(client, i int) string) {
	var all sync.WaitGroup
	for w := range clients {
		all.Go(func() {
			c, err := from("udp", group, w).dial(b.addr)
			if err != nil {
				b.t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = c.Write(hostile.Query(name(w, i), wire.A)) // a full queue may drop it
				if i%burst == 0 {
					time.Sleep(pause) // this pace is the load
				}
			}
		})
	}
	all.Wait()
}

// slow asks for more names that are never answered than may be under way.
func (b *boundsTrial) slow(ctx context.Context) {
	b.datagrams(ctx, 1, 64, 1, 80*time.Millisecond, func(w, i int) string { return fmt.Sprintf("slow-%d-%d.example.org.", w, i) })
}

// wait asks for one name that is never answered, with more queries than may wait.
func (b *boundsTrial) wait(ctx context.Context) {
	b.datagrams(ctx, 2, 100, 1, 40*time.Millisecond, func(int, int) string { return "slow-and-the-same.example.org." })
}

// flood asks for a cached name. Its bursts come faster than they can be answered.
func (b *boundsTrial) flood(ctx context.Context) {
	b.datagrams(ctx, 3, 4, 700, 700*time.Millisecond, func(int, int) string { return "hit.example.org." })
}

// streams opens more connections than may be open, from many clients, and opens them again when
// they are closed. Of twenty, one sends half a message, one reads no answer, and the others are idle.
func (b *boundsTrial) streams(ctx context.Context) {
	half := append([]byte{0xff, 0xff}, make([]byte, 60000)...)
	ask := bytes.Repeat(hostile.Frame(hostile.Query("long-hit.example.org.", wire.A)), 4)
	if a := overTCP.ask(b.addr, "long-hit.example.org."); a.err != nil {
		b.t.Error(a)
	}
	var group sync.WaitGroup
	for i := range 800 {
		group.Go(func() {
			for ctx.Err() == nil {
				if c, err := from("tcp", 4, i%30).dial(b.addr); err == nil {
					what := map[int][]byte{0: half, 1: ask}[i%20]
					_, _ = c.Write(what)
					b.hold(ctx, c, i%20 == 1)
					_ = c.Close()
				}
				time.Sleep(3 * time.Second) // this pace is the load
			}
		})
	}
	group.Wait()
}

// hold keeps a connection open for some seconds, or until the other end closes it. If it is to
// stay unread, hold does not notice that.
func (b *boundsTrial) hold(ctx context.Context, c net.Conn, unread bool) {
	var one [1]byte
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end) && ctx.Err() == nil; {
		if unread {
			time.Sleep(500 * time.Millisecond) // it reads nothing: that is what it does
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if _, err := c.Read(one[:]); err != nil && !os.IsTimeout(err) {
			return
		}
	}
}

// pages opens HTTP connections that ask nothing, and asks for metrics all the time.
func (b *boundsTrial) pages(ctx context.Context) {
	for range 60 {
		if c, err := net.Dial("tcp", b.Metrics.String()); err == nil {
			defer func() { _ = c.Close() }()
		}
	}
	for ctx.Err() == nil {
		b.page()
		time.Sleep(500 * time.Millisecond) // this pace is the load
	}
}

// page returns the page of metrics. It is empty if HTTP's own bounds kept it from coming.
func (b *boundsTrial) page() string {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + b.Metrics.String() + "/metrics")
	if err != nil {
		return ""
	}
	defer func() { _ = r.Body.Close() }()
	text, _ := io.ReadAll(r.Body) // as much as came
	return string(text)
}

// measure notes the greatest use of memory, of waiting queries and of connections.
func (b *boundsTrial) measure(ctx context.Context) {
	for i := 0; ctx.Err() == nil && !b.Ended(); i++ {
		b.most = max(b.most, b.cgroup.Use())
		if i%20 == 0 {
			page := b.page()
			b.waiting = max(b.waiting, sum(page, "nodecache_waiting_queries"))
			b.conns = max(b.conns, sum(page, "nodecache_tcp_connections "))
		}
		time.Sleep(boundsLook) // memory is looked at so often
	}
}

// sum adds up the series of a page whose lines begin with a text.
func sum(page, series string) (n int64) {
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, series); ok {
			v, _ := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
			n += int64(v)
		}
	}
	return n
}

// ask asks as a stub resolver does: up to three times for each name.
func (b *boundsTrial) ask(ctx context.Context, count *tally, name func(i int) string) {
	var who atomic.Int64
	for i := 0; ctx.Err() == nil; i++ {
		ok := false
		for try := 0; try < 3 && !ok; try++ {
			m, err := stub(b.addr, from("udp", 5, int(who.Add(1)%8)).from, name(i))
			ok = err == nil && m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0
		}
		if count.all++; !ok {
			count.lost++
		}
		time.Sleep(50 * time.Millisecond) // this pace is the load
	}
}

// stub asks once, and waits for 2 s.
func stub(to netip.AddrPort, from netip.Addr, name string) (*dns.Msg, error) {
	d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	c, err := d.Dial("udp", to.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	m, _, err := (&dns.Client{Timeout: 2 * time.Second, UDPSize: 1232}).ExchangeWithConn(question(name), &dns.Conn{Conn: c})
	return m, err
}

// judge fails the test if a bound was exceeded or not reached, or if queries failed.
func (b *boundsTrial) judge() {
	b.t.Helper()
	b.t.Logf("in use at the most: %d of %d bytes (%.1f MiB of %d); %d queries waited, %d connections were open; of %d hits %d failed, of %d new names %d",
		b.most, b.limit, float64(b.most)/(1<<20), b.limit>>20, b.waiting, b.conns, b.hits.all, b.hits.lost, b.fresh.all, b.fresh.lost)
	if b.Ended() || b.cgroup.Kills() > 0 {
		b.t.Fatalf("it was killed; %d kills for memory", b.cgroup.Kills())
	}
	if b.most > b.limit {
		b.t.Error("more is in use than the limit allows")
	}
	if b.waiting < b.bounds["waiting"]*9/10 || b.conns < b.bounds["connections"]*9/10 {
		b.t.Errorf("the bounds were not reached: %v", b.bounds)
	}
	// The server that new names are asked of is as busy as the test, and may lose some by itself.
	for what, n := range map[string]struct{ all, lost, most int }{
		"hits":      {b.hits.all, b.hits.lost, b.hits.all / 50},
		"new names": {b.fresh.all, b.fresh.lost, b.fresh.all / 4},
	} {
		if n.all < 50 || n.lost > n.most {
			b.t.Errorf("of %d %s, %d failed", n.all, what, n.lost)
		}
	}
	if a := overUDP.ask(b.addr, "after.example.org."); !a.right() {
		b.t.Errorf("after it: %v", a)
	}
}
