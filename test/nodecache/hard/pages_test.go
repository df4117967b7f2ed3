package hard

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/hostile"
	"github.com/neardns/neardns/test/nodecache/run"
)

// manifestMemory is the limit of manifests/nodecache/daemonset.yaml.
const manifestMemory = 64 << 20

// The siege of the pages.
const (
	loopers      = 1000 // clients that ask for /health as fast as they can
	scrapers     = 100  // clients that ask for /metrics as fast as they can
	idlePages    = 3000 // connections to the port of metrics that ask nothing
	pageClients  = 10   // addresses that they all come from
	pagesBesiege = 10 * time.Second
)

// TestPagesBesieged runs a node cache in the manifest's memory. 1,000 clients ask for /health all
// the time and 100 for /metrics, and 3,000 connections to its port say nothing. The kernel does not
// kill it, DNS answers, and a client that asks as the kubelet and Prometheus do gets its page.
func TestPagesBesieged(t *testing.T) {
	hostile.MoreFiles(t, files)
	f := newServer(t)
	c := run.NewCgroup(t, manifestMemory)
	addr, metrics, pages, dir := testkit.FreeAddr(t), testkit.FreeAddr(t), testkit.FreeAddr(t), t.TempDir()
	lines := fmt.Sprintf("errors\n\thealth %[1]s\n\tready %[1]s {\n\t\tmonitor continuously\n\t}\n", pages)
	corefile := strings.Replace(block(".", "udp", f), "errors\n", lines, 1)
	run.Write(t, dir, "Corefile", corefile)
	cmd := c.Command(run.Program(), "-conf", "Corefile", "-metrics-listen-address", metrics.String(), "-dns.port", fmt.Sprint(addr.Port()))
	n := &node{&run.Node{Process: run.Start(t, cmd, dir), Metrics: metrics}, t, addr}
	n.Answers(addr)
	n.Logs("memory limit")

	ctx, cancel := context.WithTimeout(t.Context(), pagesBesiege)
	defer cancel()
	var crowd sync.WaitGroup
	for i := range loopers {
		crowd.Go(func() { loopPages(ctx, pageClient(i), "http://"+pages.String()+[]string{"/health", "/ready"}[i%2]) })
	}
	for i := range scrapers {
		crowd.Go(func() { loopPages(ctx, pageClient(i), "http://"+metrics.String()+"/metrics") })
	}
	for i := range idlePages {
		crowd.Go(func() { sayNothing(ctx, pageClient(i), metrics) })
	}
	var queries, gets requests
	crowd.Go(func() { queries.askWhile(ctx, addr) })
	crowd.Go(func() { gets.getWhile(ctx, "http://"+pages.String()+"/health", "http://"+metrics.String()+"/metrics") })
	crowd.Wait()

	t.Logf("%d queries, %d pages; %d MiB at most of %d", queries.all, gets.all, c.Peak()>>20, manifestMemory>>20)
	if n.Ended() || c.Kills() != 0 {
		t.Fatalf("it ended, with %d killed for memory:\n%s", c.Kills(), n.Log())
	}
	queries.expect(t, "queries", 20, 10)
	gets.expect(t, "pages", 5, 3) // the kubelet gives up after three failures in a row
	if d := n.Scrape().Sum("nodecache_http_connections_dropped_total"); d < idlePages/2 {
		t.Errorf("%v connections were dropped", d)
	}
	n.Stop()
}

// pageClient returns the address of one of the crowd.
func pageClient(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 0, 13, byte(1 + i%pageClients)})
}

// httpClient returns a client that asks from an address, and may keep its connections.
func httpClient(from netip.Addr, keeps bool) *http.Client {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: !keeps}}
}

// loopPages asks for a page as fast as it can, and does not care for the answer.
func loopPages(ctx context.Context, from netip.Addr, url string) {
	c := httpClient(from, from.As4()[3]%2 == 0)
	defer c.CloseIdleConnections()
	for ctx.Err() == nil {
		_, _ = page(ctx, c, url)
	}
}

// page returns the page at url.
func page(ctx context.Context, c *http.Client, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", answer.StatusCode, text)
	}
	return string(text), err
}

// sayNothing keeps a connection open, and opens another when that is closed.
func sayNothing(ctx context.Context, from netip.Addr, to netip.AddrPort) {
	for ctx.Err() == nil {
		c, err := client{"tcp", from}.dial(to)
		if err != nil {
			time.Sleep(100 * time.Millisecond) // this pace is the load
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		_, _ = c.Read(make([]byte, 1)) // until it is closed
		stop()
		_ = c.Close()
		time.Sleep(100 * time.Millisecond) // this pace is the load
	}
}

// requests counts requests, and notes those that were lost.
type requests struct {
	all  int
	lost []string
}

func (r *requests) note(ok bool, what string) {
	r.all++
	if !ok {
		r.lost = append(r.lost, what)
	}
}

// expect fails the test if there were fewer requests than least, or if more than one of oneOf was
// lost.
func (r *requests) expect(t *testing.T, of string, least, oneOf int) {
	t.Helper()
	if r.all < least || len(r.lost)*oneOf > r.all {
		t.Errorf("%d of %d %s were lost:\n%s", len(r.lost), r.all, of, strings.Join(r.lost, "\n"))
	}
}

// askWhile asks for new names, each of which is a miss, until ctx ends.
func (r *requests) askWhile(ctx context.Context, addr netip.AddrPort) {
	for i := 0; ctx.Err() == nil; i++ {
		a := overUDP.ask(addr, fmt.Sprintf("besieged-%d.example.org.", i))
		r.note(a.right(), a.String())
		time.Sleep(20 * time.Millisecond) // this pace is the load
	}
}

// getWhile asks for pages from an address of its own, until ctx ends.
func (r *requests) getWhile(ctx context.Context, urls ...string) {
	c := httpClient(netip.AddrFrom4([4]byte{127, 0, 14, 1}), true)
	defer c.CloseIdleConnections()
	for i := 0; ctx.Err() == nil; i++ {
		text, err := page(context.Background(), c, urls[i%len(urls)])
		r.note(err == nil, fmt.Sprint(text, err))
		time.Sleep(200 * time.Millisecond) // this pace is the load
	}
}
