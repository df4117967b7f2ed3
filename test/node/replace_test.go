package node

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// replaced shows that queries are answered while the cluster DNS gets new Pods and loses all its old
// ones, and that the node's connections follow the headless Service.
func replaced(t *testing.T, w *world) {
	c := startCache(t)
	old := w.dnsHosts()
	l := startLoad()
	l.udp(w.a, clusterIP, 400, 2)
	l.misses(w.b, linkLocal, 400, 4)
	followed(t, w, "at first")
	added := w.spare()[:subset+1]
	for _, host := range added {
		w.addDNS(host)
	}
	followed(t, w, "with more Pods")
	for _, host := range old {
		w.removeDNS(host)
	}
	followed(t, w, "without those before")
	for _, host := range added[2:] {
		w.removeDNS(host)
	}
	followed(t, w, "with two Pods again")
	lost(t, "cluster DNS replaced", l.end())
	c.Stop()
}

// misses asks rate times a second, each time for another name that doesn't exist.
func (l *load) misses(p *pod, server string, rate, workers int) {
	l.every(p, rate, workers, func(n int, _ time.Time) {
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
