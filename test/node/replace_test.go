package node

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// replaced shows that queries are answered while all Pods of the cluster DNS are replaced.
func replaced(t *testing.T, w *world) {
	c := startCache(t)
	old := w.dnsHosts()
	l := startLoad()
	l.udp(w.a, clusterIP, 400, 2)
	l.misses(w.b, linkLocal, 400, 4)
	for _, host := range w.spare()[:2] {
		w.addDNS(host)
	}
	for _, host := range old {
		w.removeDNS(host)
	}
	time.Sleep(3 * time.Second)
	lost(t, "cluster DNS replaced", l.end())
	for _, host := range old {
		if n := len(sh(t, "ss -Htn state established dst "+dnsAddr(host)+" dport = 53")); n > 0 {
			t.Errorf("connections to %s are left", dnsAddr(host))
		}
	}
	c.Stop()
}

// misses asks rate times a second for another name each, which does not exist.
func (l *load) misses(p *pod, server string, rate, workers int) {
	l.every(p, rate, workers, func(n int) {
		at := time.Now()
		c := dns.Client{Timeout: patience}
		name := fmt.Sprintf("no-%d-%d.default.svc.cluster.local.", n, at.UnixNano())
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), net.JoinHostPort(server, "53"))
		if err == nil && m.Rcode != dns.RcodeNameError {
			err = fmt.Errorf("%s", dns.RcodeToString[m.Rcode])
		}
		l.note("misses", at, err)
	})
}
