package corefile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestForwardTo(t *testing.T) {
	resolv := write(t, t.TempDir(), "resolv.conf", "#nameserver 192.0.2.8\nnameserver 192.0.2.9 # a comment\nnameserver fe80::1%eth0\nnameserver x\nnameserver\n")
	for _, test := range []struct{ to, want string }{
		{"192.0.2.1", "udp 192.0.2.1:53"},
		{"192.0.2.1:1053", "udp 192.0.2.1:1053"},
		{"dns://192.0.2.1:1053", "udp 192.0.2.1:1053"},
		{"::1", "udp [::1]:53"},
		{"[::1]", "udp [::1]:53"},
		{"[::1]:1053", "udp [::1]:1053"},
		{"::ffff:192.0.2.1", "udp 192.0.2.1:53"},
		{"fe80::1%eth0", "udp [fe80::1%eth0]:53"},
		{"[fe80::1%eth0]:1053", "udp [fe80::1%eth0]:1053"},
		{"tls://9.9.9.9", "tls 9.9.9.9:853"},
		{"tls://9.9.9.9:443", "tls 9.9.9.9:443"},
		{"tls://9.9.9.9%dns.quad9.net", "tls 9.9.9.9:853 dns.quad9.net"},
		{"tls://9.9.9.9%dns.quad9.net:443", "tls 9.9.9.9:443 dns.quad9.net"},
		{"tls://[2620:fe::fe%dns.quad9.net]:443", "tls [2620:fe::fe]:443 dns.quad9.net"},
		{"tls://2620:fe::fe", "tls [2620:fe::fe]:853"},
		{resolv, "udp 192.0.2.9:53, udp [fe80::1%eth0]:53"},
		{"dns.example", "udp 192.0.2.99:53"},
		{"dns.example:5353", "udp 192.0.2.99:5353"},
		{"tls://dns.example", "tls 192.0.2.99:853"},
		{"tls://dns.example%other.example:443", "tls 192.0.2.99:443 other.example"},
		{"192.0.2.1 192.0.2.2 192.0.2.1:53 dns://192.0.2.1 tls://192.0.2.1", "udp 192.0.2.1:53, udp 192.0.2.2:53, tls 192.0.2.1:853"},
		{"192.0.2.1 tls://192.0.2.1 dns.example {\nforce_tcp\n}", "tcp 192.0.2.1:53, tls 192.0.2.1:853, tcp 192.0.2.99:53"},
	} {
		if got := servers(t, block(t, "forward . "+test.to).Forwards[0]); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.to, got, test.want)
		}
	}
}

// TestForwardHosts shows that a host is looked up, fully qualified, each time.
func TestForwardHosts(t *testing.T) {
	f := block(t, "forward . dns.example {\nresolver 192.0.2.53 [2001:db8::53]:5353\n}").Forwards[0]
	if got := fmt.Sprint(f.Resolvers); got != "[192.0.2.53:53 [2001:db8::53]:5353]" {
		t.Error(got)
	}
	down := errors.New("down")
	_, err := f.Endpoints(func(host string) ([]netip.Addr, error) {
		if host != "dns.example." {
			t.Error(host)
		}
		return nil, down
	})
	if !errors.Is(err, down) {
		t.Error(err)
	}
}

func TestForwardOptions(t *testing.T) {
	for _, test := range []struct {
		options string
		got     func(f *Forward) any
		want    string
	}{
		{"", func(f *Forward) any { return f.Upstream }, fmt.Sprint(Forward{}.Upstream)},
		{"except A.example 10.0.0.0/8\nexcept b.example", func(f *Forward) any { return f.Except }, "[a.example. 10.in-addr.arpa. b.example.]"},
		{"expire 5s", func(f *Forward) any { return f.Upstream.IdleTimeout }, "5s"},
		{"max_age 10s", func(f *Forward) any { return f.Upstream.MaxAge }, "10s"},
		{"max_age 0s", func(f *Forward) any { return f.Upstream.MaxAge < 0 }, "true"}, // no limit
		{"read_timeout 3s", func(f *Forward) any { return f.Upstream.ReadTimeout }, "3s"},
		{"max_fails 5", func(f *Forward) any { return f.Upstream.MaxFails }, "5"},
		{"max_fails 0", func(f *Forward) any { return f.Upstream.MaxFails }, "-1"},
		{"max_connect_attempts 7", func(f *Forward) any { return f.Upstream.MaxAsks }, "7"},
		{"max_connect_attempts 0", func(f *Forward) any { return f.Upstream.MaxAsks }, "32"},
		{"max_concurrent 1000", func(f *Forward) any { return f.Upstream.MaxConcurrent }, "1000"},
		{"policy random", func(f *Forward) any { return f.Upstream.Policy }, "0"},
		{"policy round_robin", func(f *Forward) any { return f.Upstream.Policy }, "1"},
		{"policy sequential", func(f *Forward) any { return f.Upstream.Policy }, "2"},
		{"failfast_all_unhealthy_upstreams", func(f *Forward) any { return f.Upstream.FailFast }, "true"},
		{"failover SERVFAIL refused\nfailover NotImp", func(f *Forward) any { return f.Upstream.Failover }, "[2 5 4]"},
		{"next NXDOMAIN noerror", func(f *Forward) any { return f.Next }, "[NXDOMAIN NOERROR]"},
		{"next_on_nodata", func(f *Forward) any { return f.NextOnNodata }, "true"},
		{"source_address 192.0.2.7", func(f *Forward) any { return f.Upstream.Source }, "192.0.2.7"},
		{"health_check 2s", healthCheck, "2s false "},
		{"health_check 2s no_rec domain Example.org", healthCheck, "2s true example.org."},
		{"follow dns.kube-system.svc.cluster.local", follow, "dns.kube-system.svc.cluster.local. 0"},
		{"follow dns.kube-system.svc.cluster.local. 5353", follow, "dns.kube-system.svc.cluster.local. 5353"},
		{"tls_servername dns.example", func(f *Forward) any { return f.Upstream.TLS == nil }, "true"},
		{"tls\ntls_servername dns.example", func(f *Forward) any { return f.Upstream.TLS.ServerName }, "dns.example"},
	} {
		f := block(t, "forward . 192.0.2.1 {\n"+test.options+"\n}").Forwards[0]
		if got := fmt.Sprint(test.got(f)); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.options, got, test.want)
		}
	}
}

func healthCheck(f *Forward) any {
	return fmt.Sprint(f.Upstream.CheckInterval, f.Upstream.CheckNoRecurse, " "+f.Upstream.CheckName)
}

func follow(f *Forward) any { return fmt.Sprintf("%s %d", f.Upstream.Name, f.Upstream.Port) }

func TestForwardNotes(t *testing.T) {
	got := notes(t, "forward 10.0.0.0/9 192.0.2.1 {\nmax_idle_conns 5\ndoh_method GET\nexpire 0s\nhealth_check 0s\nprefer_udp\n}")
	want := "Corefile:2: forward: the block serves no name below 10.0.0.0/9\n" +
		"Corefile:2: forward: 10.0.0.0/9 has several reverse zones; only 0.10.in-addr.arpa. is forwarded, as in CoreDNS\n" +
		"Corefile:3: forward: max_idle_conns has no meaning here: there are never more than 4 connections to a server\n" +
		"Corefile:4: forward: doh_method has no meaning here: no server is asked over HTTPS\n" +
		"Corefile:5: forward: expire has no meaning here: connections without a query are kept for 10s\n" +
		"Corefile:6: forward: health_check has no meaning here: a server that failed is checked every 500ms\n" +
		"Corefile:7: forward: prefer_udp has no meaning here: queries go over UDP unless force_tcp is set"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestForwards(t *testing.T) {
	b := block(t, "forward a.example.org 192.0.2.1\nforward . 192.0.2.2")
	var got []string
	for _, f := range b.Forwards {
		got = append(got, fmt.Sprint(f.Pos, f.From, " ", servers(t, f)))
	}
	if want := []string{"Corefile:2 a.example.org. udp 192.0.2.1:53", "Corefile:3 . udp 192.0.2.2:53"}; !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func TestForwardErrors(t *testing.T) {
	dir := t.TempDir()
	empty := write(t, dir, "empty.conf", "search example.org\n")
	const to = `, expected an IP address with or without a port, a file such as /etc/resolv.conf, or a host's name`
	for _, test := range []struct{ text, want string }{
		{"forward", ":2: forward: 0 arguments, expected forward FROM TO..."},
		{"forward .", ":2: forward: 1 argument, expected forward FROM TO..."},
		{"forward a..b 192.0.2.1", `:2: forward: domain name "a..b": an empty label, expected a zone such as example.com or a network such as 10.0.0.0/8`},
		{"forward . " + strings.Repeat("192.0.2.1 ", 16), ":2: forward: 16 servers, expected 15 at most"},
		{"forward . quic://192.0.2.1", ":2: forward: quic://192.0.2.1: servers are not asked over quic, expected an address, dns://ADDRESS or tls://ADDRESS"},
		{"forward . https://192.0.2.1", ":2: forward: https://192.0.2.1: servers are not asked over https, expected an address, dns://ADDRESS or tls://ADDRESS"},
		{"forward . 192.0.2.1%name", ":2: forward: 192.0.2.1%name: a server has a name over TLS only, expected tls://192.0.2.1%name"},
		{"forward . 192.0.2.1:0", `:2: forward: 192.0.2.1:0: "0", expected a port from 1 to 65535`},
		{"forward . 192.0.2.1:65536", `:2: forward: 192.0.2.1:65536: "65536", expected a port from 1 to 65535`},
		{"forward . 192.0.2.1:", `:2: forward: 192.0.2.1:: "", expected a port from 1 to 65535`},
		{"forward . 192.0.2.300", `:2: forward: "192.0.2.300"` + to},
		{"forward . dns.example:0", `:2: forward: "dns.example:0"` + to},
		{"forward . dns.example%name", `:2: forward: "dns.example%name"` + to},
		{"forward . .", `:2: forward: "."` + to},
		{"forward . [::1", `:2: forward: "[::1"` + to},
		{"forward . " + dir + "/none", ":2: forward: stat " + dir + "/none: no such file or directory"},
		{"forward . " + dir, ":2: forward: " + dir + ": not a regular file"},
		{"forward . " + empty, ":2: forward: no server in any file, expected a line such as nameserver 10.0.0.10"},
		{"forward . 192.0.2.1 {\nfast\n}", `:3: forward: unknown option "fast", expected ` + list(findDirective("forward").optionNames(), "or")},
		{"forward . 192.0.2.1 {\nexcept\n}", ":3: forward: except: 0 arguments, expected except NAMES..."},
		{"forward . 192.0.2.1 {\nexcept a..b\n}", `:3: forward: except: domain name "a..b": an empty label, expected a zone such as example.com or a network such as 10.0.0.0/8`},
		{"forward . 192.0.2.1 {\nforce_tcp yes\n}", ":3: forward: force_tcp: 1 argument, expected force_tcp"},
		{"forward . 192.0.2.1 {\nprefer_udp yes\n}", ":3: forward: prefer_udp: 1 argument, expected prefer_udp"},
		{"forward . 192.0.2.1 {\nexpire -1s\n}", ":3: forward: expire: -1s, expected a duration of at least 0s"},
		{"forward . 192.0.2.1 {\nexpire\n}", ":3: forward: expire: 0 arguments, expected expire DURATION"},
		{"forward . 192.0.2.1 {\nmax_age 5s\n}", ":4: forward: max_age 5s is less than expire 10s, expected it to be no less"},
		{"forward . 192.0.2.1 {\nmax_age 5s\nexpire 6s\n}", ":5: forward: max_age 5s is less than expire 6s, expected it to be no less"},
		{"forward . 192.0.2.1 {\nmax_idle_conns\n}", ":3: forward: max_idle_conns: 0 arguments, expected max_idle_conns INTEGER"},
		{"forward . 192.0.2.1 {\ndoh_method\n}", ":3: forward: doh_method: 0 arguments, expected doh_method GET|POST"},
		{"forward . 192.0.2.1 {\nread_timeout 0s\n}", ":3: forward: read_timeout: 0s, expected a duration above 0s"},
		{"forward . 192.0.2.1 {\nmax_fails -1\n}", `:3: forward: max_fails: "-1", expected a whole number from 0 to 2147483647`},
		{"forward . 192.0.2.1 {\nmax_connect_attempts x\n}", `:3: forward: max_connect_attempts: "x", expected a whole number from 0 to 2147483647`},
		{"forward . 192.0.2.1 {\nmax_concurrent -1\n}", `:3: forward: max_concurrent: "-1", expected a whole number from 0 to 2147483647`},
		{"forward . 192.0.2.1 {\npolicy best\n}", `:3: forward: policy: "best", expected policy random|round_robin|sequential`},
		{"forward . 192.0.2.1 {\nhealth_check\n}", ":3: forward: health_check: 0 arguments, expected health_check DURATION [no_rec] [domain FQDN]"},
		{"forward . 192.0.2.1 {\nhealth_check -1s\n}", ":3: forward: health_check: -1s, expected a duration of at least 0s"},
		{"forward . 192.0.2.1 {\nhealth_check 1s rec\n}", `:3: forward: health_check: "rec", expected health_check DURATION [no_rec] [domain FQDN]`},
		{"forward . 192.0.2.1 {\nhealth_check 1s domain\n}", `:3: forward: health_check: "domain", expected health_check DURATION [no_rec] [domain FQDN]`},
		{"forward . 192.0.2.1 {\nhealth_check 1s domain a..b\n}", `:3: forward: health_check: domain name "a..b": an empty label`},
		{"forward . 192.0.2.1 {\nnext\n}", ":3: forward: next: 0 arguments, expected next RCODE..."},
		{"forward . 192.0.2.1 {\nnext NODATA\n}", `:3: forward: next: "NODATA", expected an RCODE of NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE`},
		{"forward . 192.0.2.1 {\nnext_on_nodata yes\n}", ":3: forward: next_on_nodata: 1 argument, expected next_on_nodata"},
		{"forward . 192.0.2.1 {\nfailover noerror\n}", ":3: forward: failover: NOERROR is an answer, expected RCODEs such as SERVFAIL or REFUSED"},
		{"forward . 192.0.2.1 {\nsource_address eth0\n}", `:3: forward: source_address: "eth0", expected an IP address`},
		{"forward . 192.0.2.1 {\nresolver dns.example\n}", `:3: forward: resolver: "dns.example", expected an IP address with or without a port`},
		{"forward . 192.0.2.1 {\nfollow\n}", ":3: forward: follow: 0 arguments, expected follow NAME [PORT]"},
		{"forward . 192.0.2.1 {\nfollow .\n}", `:3: forward: follow: ".", expected the DNS name of a headless Service`},
		{"forward . 192.0.2.1 {\nfollow a.svc 0\n}", `:3: forward: follow: "0", expected a whole number from 1 to 65535`},
		{"forward . 192.0.2.1 {\ntls a b c d\n}", ":3: forward: tls: 4 arguments, expected tls [CA], tls CERT KEY or tls CERT KEY CA"},
		{"forward . 192.0.2.1 {\ntls " + dir + "/none\n}", ":3: forward: tls: stat " + dir + "/none: no such file or directory"},
		{"forward . 192.0.2.1 {\ntls " + empty + "\n}", ":3: forward: tls: " + empty + ": no certificate, expected one in PEM"},
		{"forward . 192.0.2.1 {\ntls " + empty + " " + empty + "\n}", ":3: forward: tls: " + empty + " and " + empty + ": tls: failed to find any PEM data in certificate input"},
		{"forward . 192.0.2.1 {\ntls_servername a..b\n}", `:3: forward: tls_servername: domain name "a..b": an empty label`},
		{"forward . tls://9.9.9.9%a.example {\ntls_servername b.example\n}", ":4: forward: tls_servername b.example, and a server with a name of its own, expected one or the other"},
	} {
		wantError(t, "example.org {\n"+test.text+"\n}\n", "Corefile"+test.want, Options{})
	}
}

// TestForwardTLS reads each form of tls, and shows that the sums change with the files.
func TestForwardTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t)
	certFile, keyFile := write(t, dir, "cert.pem", cert), write(t, dir, "key.pem", key)
	for _, test := range []struct {
		args  string
		pairs int
		roots bool
		files []string
	}{
		{args: "", files: []string{"Corefile"}},
		{args: certFile, roots: true, files: []string{"Corefile", certFile}},
		{args: certFile + " " + keyFile, pairs: 1, files: []string{"Corefile", certFile, keyFile}},
		{args: certFile + " " + keyFile + " " + certFile, pairs: 1, roots: true, files: []string{"Corefile", certFile, keyFile}},
	} {
		c := parse(t, ".:53 {\nforward . tls://9.9.9.9 {\ntls "+test.args+"\ntls_servername dns.quad9.net\n}\n}", Options{})
		conf := c.Blocks[0].Forwards[0].Upstream.TLS
		if len(conf.Certificates) != test.pairs || (conf.RootCAs != nil) != test.roots || conf.ServerName != "dns.quad9.net" {
			t.Errorf("tls %s: %+v", test.args, conf)
		}
		if !slices.Equal(c.Files, test.files) {
			t.Errorf("tls %s: files %v", test.args, c.Files)
		}
	}
	text := ".:53 {\nforward . tls://9.9.9.9 {\ntls " + certFile + "\n}\n}"
	before, again := parse(t, text, Options{}), parse(t, text, Options{})
	if tlsSum(again) != tlsSum(before) {
		t.Error("the same certificate has another sum")
	}
	write(t, dir, "cert.pem", cert+cert)
	if c := parse(t, text, Options{}); c.Sum == before.Sum || tlsSum(c) == tlsSum(before) {
		t.Error("a new certificate leaves the sum as it was")
	}
	sums := map[string]bool{}
	for _, options := range []string{"", "tls", "tls_servername a.example", "tls " + certFile, "tls " + certFile + "\ntls_servername a.example"} {
		sums[tlsSum(parse(t, ".:53 {\nforward . tls://9.9.9.9 {\n"+options+"\n}\n}", Options{}))] = true
	}
	sums[tlsSum(parse(t, ".:53 {\nforward . 9.9.9.9\n}", Options{}))] = true
	if len(sums) != 5 { // `tls` alone says nothing that tls:// does not
		t.Errorf("%d sums", len(sums))
	}
}

func tlsSum(c *Config) string { return fmt.Sprintf("%x", c.Blocks[0].Forwards[0].TLS) }

// certificate returns a certificate that signed itself, and its key, in PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}
