package express

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// slowness is how long the upstream takes to answer for a name that begins with "slow".
const slowness = 500 * time.Millisecond

// upstream is where the contenders send what is not of the cluster. It runs in this process.
type upstream struct {
	at      netip.AddrPort
	servers [2]*dns.Server
}

// startUpstream listens on a free port of loopback, over UDP and TCP.
func startUpstream() (*upstream, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		l.Close()
		return nil, err
	}
	u := &upstream{at: l.Addr().(*net.TCPAddr).AddrPort()}
	u.servers = [2]*dns.Server{{Listener: l, Handler: dns.HandlerFunc(answer)}, {PacketConn: c, Handler: dns.HandlerFunc(answer)}}
	for _, s := range u.servers {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
	}
	return u, nil
}

func (u *upstream) stop() {
	for _, s := range u.servers {
		s.Shutdown()
	}
}

// answer answers that there is no such name.
func answer(w dns.ResponseWriter, q *dns.Msg) {
	if strings.HasPrefix(q.Question[0].Name, "slow") {
		time.Sleep(slowness)
	}
	w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
}
