package nodecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// command runs nodecache with arguments that make it end by itself.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, run.Program(), args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	failed := cmd.Run()
	var exit *exec.ExitError
	if failed != nil && !errors.As(failed, &exit) || ctx.Err() != nil {
		t.Fatalf("nodecache %v: %v %v\n%s", args, failed, ctx.Err(), err.String())
	}
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

func TestHelp(t *testing.T) {
	t.Parallel()
	code, out, err := command(t, "-help")
	if code != 0 || err != "" || !strings.Contains(out, "Usage: nodecache [flags]") || !strings.Contains(out, "\n  -localip ") {
		t.Errorf("exit code %d\n%s\n%s", code, out, err)
	}
	code, out, err = command(t, "-version")
	if code != 0 || err != "" || !strings.HasPrefix(out, "nodecache ") || strings.Count(out, "\n") != 1 {
		t.Errorf("exit code %d\n%s\n%s", code, out, err)
	}
}

// TestBadFlags gives wrong command lines. The process ends with one line that says what is wrong.
func TestBadFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"-nosuch", "flag provided but not defined: -nosuch"},
		{"-localip 169.254.20.10,nonsense", `invalid value "169.254.20.10,nonsense" for flag -localip: "nonsense" is no IP address, expected such as 169.254.20.10,10.96.0.10`},
		{"-localip 0.0.0.0", "-localip has the address of no host, expected such as 169.254.20.10; to listen everywhere goes with -setupinterface=false and -setupiptables=false only"},
		{"-localip 224.0.0.1", `invalid value "224.0.0.1" for flag -localip: 224.0.0.1 is the address of no host, expected such as 169.254.20.10`},
		{"-local-ip 169.254.20.10", "flag provided but not defined: -local-ip, expected perhaps -localip"},
		{"-upstreamsvc kube-system/kube-dns", `-upstreamsvc "kube-system/kube-dns", expected the name of a Service, such as kube-dns`},
		{"-metrics-listen-address 256.0.0.1:9353", `-metrics-listen-address "256.0.0.1:9353", expected an address such as :9353 or 127.0.0.1:9353`},
		{"-localip=", `invalid value "" for flag -localip: "" is no IP address, expected such as 169.254.20.10,10.96.0.10`},
		{"-dns.port 0", "-dns.port 0, expected 1 to 65535"},
		{"-dns.port 65536", "-dns.port 65536, expected 1 to 65535"},
		{"-dns.port dns", `invalid value "dns" for flag -dns.port: parse error`},
		{"-health-port 0", "-health-port 0, expected 1 to 65535"},
		{"-setupiptables=maybe", `invalid boolean value "maybe" for -setupiptables: parse error`},
		{"-syncinterval soon", `invalid value "soon" for flag -syncinterval: expected a duration such as 60s, or a number of seconds`},
		{"-metrics-listen-address 9353", `-metrics-listen-address "9353", expected an address such as :9353 or 127.0.0.1:9353`},
		{"-prometheus-listen-address :http", `-prometheus-listen-address ":http", expected an address such as :9353 or 127.0.0.1:9353`},
		{"-log-format xml", `-log-format "xml", expected text or json`},
		{"-probe healthy", `-probe "healthy", expected live or ready`},
		{"-conf", "flag needs an argument: -conf"},
		{"Corefile", `unexpected argument "Corefile"`},
	} {
		code, out, err := command(t, strings.Fields(test.args)...)
		want := "nodecache: " + test.want + "; see nodecache -help\n"
		if code != 2 || out != "" || err != want {
			t.Errorf("%s: exit code %d\n got %s%swant %s", test.args, code, out, err, want)
		}
	}
}

// TestBadCorefile gives Corefiles that can't be served. The process ends with one line that says
// where they are wrong.
func TestBadCorefile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{".:53 {\n    rewrite name a.example b.example\n}\n", "Corefile:2: rewrite"},
		{".:53 {\n    nosuch\n}\n", "Corefile:2: "},
		{".:53 {\n    cache\n    forward . 127.0.0.1:99999\n}\n", "Corefile:3: forward: "},
		{".:53 {\n    forward . /no/such/file\n}\n", "Corefile:2: forward: stat /no/such/file: no such file or directory"},
		{".:53 {\n    bind nosuchdevice\n    forward . 127.0.0.1\n}\n", "Corefile:2: bind: nosuchdevice: "},
		{".:53 {\n    cache\n", "Corefile:"},
		{"", "Corefile: no server block"},
	} {
		path := run.Write(t, t.TempDir(), "Corefile", test.text)
		code, out, err := command(t, "-conf", path, "-metrics-listen-address", "")
		want := "nodecache: " + filepath.Dir(path) + "/" + test.want
		if code != 1 || out != "" || !strings.Contains(err, want) || strings.Count(err, "\n") != 1 {
			t.Errorf("%q: exit code %d\n got %s%swant %s", test.text, code, out, err, want)
		}
	}
	code, _, err := command(t, "-conf", "/no/such/Corefile")
	if code != 1 || err != "nodecache: stat /no/such/Corefile: no such file or directory; -conf names the Corefile\n" {
		t.Errorf("no Corefile: exit code %d, %s", code, err)
	}
}

// TestPortInUse has another process hold a port for itself. The node cache does not start.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	free := testkit.FreeAddr(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	corefile := func(addr string) string {
		_, port, _ := net.SplitHostPort(addr)
		return run.Write(t, t.TempDir(), "Corefile", ".:"+port+" {\n bind 127.0.0.1\n forward . 127.0.0.1:1\n}\n")
	}
	const remedy = ": bind: address already in use: a process that does not share it, or one of another user, holds the address; stop that process\n"
	for _, test := range []struct{ dns, metrics, want string }{
		{tcp.Addr().String(), "", "Corefile:2: bind: tcp " + tcp.Addr().String() + remedy},
		{udp.LocalAddr().String(), "", "Corefile:2: bind: udp " + udp.LocalAddr().String() + remedy},
		{free.String(), tcp.Addr().String(), "/metrics: listen tcp " + tcp.Addr().String() + remedy},
	} {
		file := corefile(test.dns)
		code, _, err := command(t, "-conf", file, "-metrics-listen-address", test.metrics)
		err = strings.Replace(err, filepath.Dir(file)+"/", "", 1)
		if code != 1 || err != "nodecache: "+test.want {
			t.Errorf("exit code %d\n got %swant nodecache: %s", code, err, test.want)
		}
	}
}

// TestFlags starts with every flag of k8s-dns-node-cache 1.26.8: its own, and those of the CoreDNS
// in it.
func TestFlags(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr
	addr, metrics := testkit.FreeAddr(t), testkit.FreeAddr(t)
	dir := t.TempDir()
	run.Write(t, dir, "Corefile.base", example(addr, upstream, ""))
	node := run.NodeCacheIn(t, dir, "-localip", "127.0.0.1", "-setupinterface=false", "-interfacename", "nodelocaldns",
		"-syncinterval", "60", "-prometheus-listen-address", metrics.String(), "-setupiptables=false", "-basecorefile", "Corefile.base",
		"-corefile", "/no/such/Corefile", "-kubednscm", dir, "-upstreamsvc", "kube-dns", "-health-port", "8080", "-skipteardown",
		"-reloadwithsignal", "-dns.port", "53", "-p", "53", "-pidfile", "pid", "-quiet", "-log-format", "json")
	node.Answers(addr)
	run.Equal(t, "answer", run.Dig(t, addr, "a.example"), "NOERROR; a.example. A 192.0.2.1")
	if !run.Scrape(t, metrics.String()).Has("coredns_build_info") {
		t.Error("-prometheus-listen-address: no metrics")
	}
	node.Logs(`"msg":"answering"`)
	pidfile := filepath.Join(dir, "pid")
	if text, err := os.ReadFile(pidfile); err != nil || string(text) != fmt.Sprintln(node.PID()) {
		t.Errorf("-pidfile has %q (%v), want %d", text, err, node.PID())
	}
	if code, text, _ := command(t, "-version"); code != 0 || text == "" {
		t.Error(text)
	}
	node.Stop()
	if _, err := os.Stat(pidfile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("-pidfile outlives the process: %v", err)
	}
}

// TestCheckDirectives checks every directive of CoreDNS. The node cache refuses those that it does
// not have by name, and does not take them for typing errors.
func TestCheckDirectives(t *testing.T) {
	t.Parallel()
	file := run.Write(t, t.TempDir(), "Corefile", ".:53 {\n\t"+strings.Join(dnsserver.Directives, "\n\t")+"\n}\n")
	_, out, _ := command(t, "-check", "-conf", file)
	for i, d := range dnsserver.Directives {
		if strings.Contains(out, fmt.Sprintf("%s:%d: %q is not a directive", file, i+2, d)) {
			t.Errorf("%s is a directive of CoreDNS", d)
		}
	}
	if refused := strings.Count(out, "the node cache does not have this directive"); refused < 40 {
		t.Errorf("%d directives are refused, expected most of %d:\n%s", refused, len(dnsserver.Directives), out)
	}
}

// TestCheck has -check list everything that is refused or differs. It starts nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run.Write(t, dir, "Corefile", ".:53 {\n\tcache 30\n\trewrite name a b\n\tloadbalance\n\tloop\n\tforward . 192.0.2.1 {\n\t\tnosuch\n\t}\n}\na.example {\n\tcache\n}\n")
	file := filepath.Join(dir, "Corefile")
	code, out, err := command(t, "-check", "-conf", file)
	if code != 1 || err != "nodecache: this Corefile would not start\n" {
		t.Errorf("exit code %d, %s", code, err)
	}
	for _, want := range []string{
		"Refused:\n  " + file + ":3: rewrite: the node cache does not have this directive",
		"\n  " + file + ":7: forward: unknown option \"nosuch\"",
		"Accepted, but perhaps not as it is meant:\n  " + file + ":4: loadbalance has no meaning here",
		"Different from CoreDNS 1.15.0:\n  cache: while an upstream is out",
		"cut off switches it off, at " + file + ":2 " + file + ":11\n",
		"\n  loop: an upstream that leads back here is set aside and reported; the process goes on, at " + file + ":5\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	run.Write(t, dir, "Corefile", ".:53 {\n\terrors\n\tforward . 192.0.2.1\n}\n")
	if code, out, err := command(t, "-check", "-conf", file); code != 0 || err != "" || !strings.HasSuffix(out, "\nIt starts.\n") || strings.Contains(out, "Refused") {
		t.Errorf("exit code %d\n%s\n%s", code, out, err)
	}
}
