package nodecache

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestTLS asks other servers over TLS (RFC 7858): unbound, and a CoreDNS that demands a
// certificate. A server that can't prove its name is not asked.
func TestTLS(t *testing.T) {
	t.Parallel()
	c := newCertificate(t, "dns.example")
	unbound, coredns := c.unbound(t), c.coreDNS(t)
	for what, test := range map[string]struct {
		to, options string
		fails       string // what is logged
	}{
		"unbound":                            {unbound.String(), "tls " + c.cert + "\n\t\ttls_servername dns.example", ""},
		"unbound, named with its address":    {"127.0.0.1%dns.example:" + port(unbound), "tls " + c.cert, ""},
		"unbound, under another name":        {unbound.String(), "tls " + c.cert + "\n\t\ttls_servername other.example", "not other.example"},
		"unbound, trusted by nobody":         {unbound.String(), "tls_servername dns.example", "certificate"},
		"CoreDNS":                            {coredns.String(), "tls " + c.cert + " " + c.key + " " + c.cert + "\n\t\ttls_servername dns.example", ""},
		"CoreDNS, asked without certificate": {coredns.String(), "tls " + c.cert + "\n\t\ttls_servername dns.example", "certificate required"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			addr := testkit.FreeAddr(t)
			node := run.NodeCache(t, simple("tls://"+test.to+" {\n\t\t"+test.options+"\n\t}", "", addr))
			node.Answers(addr)
			if test.fails != "" {
				run.Equal(t, "answer", run.Dig(t, addr, "a.example"), "SERVFAIL")
				node.Logs("upstream is out", test.fails)
				return
			}
			for _, network := range []string{"udp", "tcp"} {
				l := run.StartLoad(t, addr, network, 8, fresh, run.NoError)
				l.Goes(200)
				l.Stop(200)
			}
			run.Equal(t, "answer", run.Dig(t, addr, "a.example"), "NOERROR; a.example. A 192.0.2.1")
			node.Stop()
		})
	}
}

// certificate is a testkit.Certificate in files.
type certificate struct {
	*testkit.Certificate
	cert, key string // files
	name      string
}

func newCertificate(t *testing.T, name string) *certificate {
	t.Helper()
	c, dir := testkit.NewCertificate(t, name), t.TempDir()
	return &certificate{c, run.Write(t, dir, "cert.pem", string(c.PEM)), run.Write(t, dir, "key.pem", string(c.KeyPEM)), name}
}

// unbound starts an unbound that answers over TLS only.
func (c *certificate) unbound(t *testing.T) netip.AddrPort {
	t.Helper()
	addr, dir := testkit.FreeAddr(t), t.TempDir()
	run.Write(t, dir, "unbound.conf", fmt.Sprintf(`server:
	interface: 127.0.0.1@%[1]d
	tls-port: %[1]d
	tls-service-key: %[2]q
	tls-service-pem: %[3]q
	do-udp: no
	directory: %[4]q
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	module-config: "iterator"
	local-zone: "example." redirect
	local-data: "example. 60 IN A 192.0.2.1"
remote-control:
	control-enable: no
`, addr.Port(), c.key, c.cert, dir))
	run.Start(t, exec.Command("/usr/sbin/unbound", "-d", "-c", "unbound.conf"), dir)
	c.answers(t, addr)
	return addr
}

// coreDNS starts a CoreDNS that demands a certificate of its clients.
func (c *certificate) coreDNS(t *testing.T) netip.AddrPort {
	t.Helper()
	addr := testkit.FreeAddr(t)
	run.CoreDNS(t, fmt.Sprintf(`tls://.:%d {
	bind 127.0.0.1
	tls %[2]s %[3]s %[2]s {
		client_auth require_and_verify
	}
	template IN A {
		answer "{{ .Name }} 60 IN A 192.0.2.1"
	}
}
`, addr.Port(), c.cert, c.key))
	c.answers(t, addr)
	return addr
}

// answers waits until something answers at addr over TLS.
func (c *certificate) answers(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	client := dns.Client{Net: "tcp-tls", TLSConfig: &tls.Config{RootCAs: c.Trust, ServerName: c.name, Certificates: []tls.Certificate{pair}}}
	testkit.Eventually(t, addr.String()+" answers over TLS", func() bool {
		m, _, err := client.Exchange(new(dns.Msg).SetQuestion("first.example.", dns.TypeA), addr.String())
		return err == nil && run.NoError(m)
	})
}
