package node

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// replaced shows that queries are answered while all Pods of the cluster DNS are replaced.
func replaced(t *testing.T, w *world) {
	c := startCache(t)
	var old []int
	for host := range w.servers {
		old = append(old, host)
	}
	l := startLoad()
	l.udp(w.a, clusterIP, 400, 2)
	l.misses(w.b, linkLocal, 400, 4)
	for host := 2; host < 9 && len(w.servers) < 4; host++ {
		if !slices.Contains(old, host) {
			w.addDNS(host)
		}
	}
	for _, host := range old {
		w.removeDNS(host)
	}
	time.Sleep(3 * time.Second)
	lost(t, "cluster DNS replaced", l.end())
	for _, host := range old {
		if n := len(sh(t, fmt.Sprintf("ss -Htn state established dst 10.244.9.%d:53", host))); n > 0 {
			t.Errorf("connections to 10.244.9.%d are left", host)
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
