package e2e

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/neardns/neardns/test/cluster"
)

// link is the way from a CoreDNS to an API server, which a test can cut.
type link struct {
	t    *testing.T
	addr string // where CoreDNS connects to
	to   string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
	running  sync.WaitGroup
}

// newLink returns a link that is cut, and the lines of a kubernetes block that use it.
func newLink(t *testing.T, c *cluster.Cluster) (l *link, lines []string) {
	t.Helper()
	u, err := url.Parse(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	l = &link{t: t, to: u.Host}
	l.join("127.0.0.1:0")
	l.addr = l.listener.Addr().String()
	l.cut()
	t.Cleanup(l.cut)
	cfg := c.Config()
	return l, []string{
		"endpoint https://" + l.addr,
		"tls " + file(t, "cert", cfg.CertData) + " " + file(t, "key", cfg.KeyData) + " " + file(t, "ca", cfg.CAData),
	}
}

// mend makes connections possible.
func (l *link) mend() { l.join(l.addr) }

func (l *link) join(addr string) {
	listener := listen(l.t, addr)
	l.mu.Lock()
	l.listener = listener
	l.mu.Unlock()
	l.running.Go(func() { l.accept(listener) })
}

// cut ends all connections and refuses new ones.
func (l *link) cut() {
	l.mu.Lock()
	_ = l.listener.Close()
	l.mu.Unlock()
	l.drop()
	l.running.Wait()
	l.drop() // what came in while the first were dropped
}

// drop ends all connections, and lets new ones through.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func (l *link) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.to)
		if err != nil {
			_ = client.Close()
			continue
		}
		l.mu.Lock()
		l.conns = append(l.conns, client, server)
		l.mu.Unlock()
		go pipe(client, server)
		go pipe(server, client)
	}
}

// pipe copies until either end closes.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}
