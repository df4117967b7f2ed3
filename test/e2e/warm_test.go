package e2e

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// warm is a CoreDNS that keeps its records.
type warm struct {
	*server
	ready, metrics netip.AddrPort
}

// startWarm starts a CoreDNS with `snapshot FILE keep`, and returns how long it took until the first
// answer. Without the file, a start would wait for the API server for minutes.
func startWarm(t *testing.T, file string, lines ...string) (*warm, time.Duration) {
	t.Helper()
	addr, ready, metrics := testkit.FreeAddr(t), testkit.FreeAddr(t), testkit.FreeAddr(t)
	dir := t.TempDir()
	run.Write(t, dir, "Corefile", fmt.Sprintf(
		".:%d {\n\tbind 127.0.0.1\n\tready %v\n\tprometheus %v\n\tkubernetes cluster.local in-addr.arpa {\n\t\tttl 30\n\t\tstartup_timeout 10m\n\t\tsnapshot %s keep\n\t\t%s\n\t}\n}\n",
		addr.Port(), ready, metrics, file, strings.Join(lines, "\n\t\t")))
	began := time.Now()
	s := &warm{&server{run.Start(t, exec.Command(coredns, "-conf", "Corefile"), dir), t, addr}, ready, metrics}
	s.Answers(addr)
	return s, time.Since(began)
}

// explained returns the extended errors and the TTL of an answer.
func (s *warm) explained(name string, args ...string) (explanation string, ttl int) {
	s.t.Helper()
	a := run.Dig(s.t, s.addr, append([]string{name}, args...)...)
	for line := range strings.Lines(a.Text) {
		if _, text, ok := strings.Cut(line, "; EDE: "); ok {
			explanation += strings.TrimSpace(text)
		}
	}
	for _, r := range append(a.Answer, a.Rest...) {
		ttl = max(ttl, r.TTL)
	}
	return explanation, ttl
}

// age returns coredns_kubernetes_data_age_seconds.
func (s *warm) age() float64 {
	return run.Scrape(s.t, s.metrics.String()).Sum("coredns_kubernetes_data_age_seconds")
}

// keeps waits until the file has all of the words, or none of those that begin with a minus.
func keeps(t *testing.T, file string, words ...string) {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%s has %q", file, words), func() bool {
		text, err := os.ReadFile(file)
		for _, w := range words {
			word, absent := strings.CutPrefix(w, "-")
			if err != nil || strings.Contains(string(text), `"name":"`+word+`"`) == absent {
				return false
			}
		}
		return true
	})
}

// TestWarmStart kills a CoreDNS, and starts another while the API server is out of reach. A Service is
// deleted and another one created meanwhile. Then the API server comes back.
func TestWarmStart(t *testing.T) {
	for name, option := range map[string]string{"lane": "", "chain": "express off"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t, streaming, "warm-"+name)
			stays, goes := n.vip("warm-stays-"+name), n.vip("warm-goes-"+name)
			l, lines := newLink(t, streaming)
			w := &warmStart{n, l, append(lines, option), filepath.Join(t.TempDir(), "cluster.json"), name, stays, goes}
			w.run(t)
		})
	}
}

type warmStart struct {
	*namespace
	link        *link
	lines       []string
	file, name  string
	stays, goes string // addresses of the Services
}

func (w *warmStart) service(which string) string { return "warm-" + which + "-" + w.name }

func (w *warmStart) run(t *testing.T) {
	w.link.mend()
	s, _ := startWarm(t, w.file, w.lines...)
	s.expect(w.svc(w.service("goes")), "A", "NOERROR A "+w.goes)
	if why, ttl := s.explained(w.svc(w.service("stays"))); why != "" || ttl != 30 || s.age() != 0 {
		t.Errorf("live: %q, TTL %d, %v s old", why, ttl, s.age())
	}
	keeps(t, w.file, w.service("stays"), w.service("goes"))
	s.Kill()
	w.link.cut()
	w.deleteService(w.service("goes"))
	comes := w.vip(w.service("comes"))

	s, took := startWarm(t, w.file, w.lines...)
	t.Logf("served from the file %v after the start", took.Round(time.Millisecond))
	w.fromFile(t, s)

	load := run.StartLoad(t, s.addr, "udp", 2, func(int64) string { return w.svc(w.service("stays")) + "." }, run.NoError)
	load.Goes(20)
	w.link.mend()
	took = testkit.Within(t, testkit.Patience, "the new Service is there", func() bool {
		return s.dig(w.svc(w.service("comes")), "A") == "NOERROR A "+comes
	})
	t.Logf("live %v after the API server was back", took.Round(time.Millisecond))
	s.expectNow(w.svc(w.service("goes")), "A", "NXDOMAIN")
	s.expectNow(reverse(t, w.goes), "PTR", "NXDOMAIN")
	load.Goes(20)
	load.Stop(40)
	if why, ttl := s.explained(w.svc(w.service("stays"))); why != "" || ttl != 30 {
		t.Errorf("live again: %q, TTL %d", why, ttl)
	}
	s.Logs("the Kubernetes API answers: serving its records from now on")
	testkit.Eventually(t, "the records are current", func() bool { return s.age() == 0 })
	keeps(t, w.file, w.service("stays"), w.service("comes"), "-"+w.service("goes"))
}

// fromFile looks at a CoreDNS that serves the file.
func (w *warmStart) fromFile(t *testing.T, s *warm) {
	s.expectNow(w.svc(w.service("stays")), "A", "NOERROR A "+w.stays)
	s.expectNow(w.svc(w.service("goes")), "A", "NOERROR A "+w.goes)
	s.expectNow(w.svc(w.service("comes")), "A", "NXDOMAIN")
	s.expectNow(reverse(t, w.goes), "PTR", "NOERROR PTR "+w.svc(w.service("goes"))+".")
	s.Logs(w.file+": serving ", " ago, until the Kubernetes API answers")
	const note = "the Kubernetes API does not answer; records as of 20"
	for _, args := range [][]string{{"+notcp"}, {"+tcp"}} {
		why, ttl := s.explained(w.svc(w.service("stays")), args...)
		if !strings.HasPrefix(why, "3 (Stale Answer): ("+note) || ttl != 5 { // RFC 8914, section 4.4
			t.Errorf("%q: %q, TTL %d", args, why, ttl)
		}
		why, ttl = s.explained(w.svc(w.service("comes")), args...)
		if !strings.HasPrefix(why, "19 (Stale NXDOMAIN Answer): (no such service ") || !strings.Contains(why, note) || ttl != 5 { // RFC 8914, section 4.20
			t.Errorf("%q: %q, TTL %d", args, why, ttl)
		}
	}
	if why, _ := s.explained(w.svc(w.service("stays")), "+noedns"); why != "" {
		t.Errorf("without EDNS: %q", why)
	}
	if status, body := run.Get(t, fmt.Sprintf("http://%v/ready", s.ready)); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, body)
	}
	if age := s.age(); age <= 0 || age > 3600 {
		t.Errorf("%v s old", age)
	}
}

// TestWarmStartRefuses starts with files that are not served: then the start is as without one, until
// the API server is there.
func TestWarmStartRefuses(t *testing.T) {
	t.Parallel()
	n := newNamespace(t, paging, "warm-refuses")
	web := n.vip("web")
	l, lines := newLink(t, paging)
	kept := filepath.Join(t.TempDir(), "cluster.json")
	l.mend()
	first, _ := startWarm(t, kept, lines...)
	first.expect(n.svc("web"), "A", "NOERROR A "+web)
	keeps(t, kept, "web")
	first.Kill()
	l.cut()
	text, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	torn := file(t, "cluster.json", text[:len(text)-100])
	_, otherLines := newLink(t, streaming) // another cluster, with another CA
	for _, tt := range []struct {
		file   string
		lines  []string
		reason string
	}{
		{torn, lines, "its end is missing"},
		{kept, otherLines, "it is of another cluster"},
		{kept, append([]string{"namespaces other"}, lines...), "it was written with other options"},
	} {
		dir, addr := t.TempDir(), testkit.FreeAddr(t)
		run.Write(t, dir, "Corefile", fmt.Sprintf(".:%d {\n\tbind 127.0.0.1\n\tkubernetes cluster.local {\n\t\tstartup_timeout 1s\n\t\tsnapshot %s keep\n\t\t%s\n\t}\n}\n",
			addr.Port(), tt.file, strings.Join(tt.lines, "\n\t\t")))
		s := &server{run.Start(t, exec.Command(coredns, "-conf", "Corefile"), dir), t, addr}
		s.Answers(addr)
		s.Logs(tt.file+": "+tt.reason, "not served: it will be written anew once the Kubernetes API answers")
		s.expectNow(n.svc("web"), "A", "SERVFAIL")
		s.Kill()
	}
	l.mend()
	last, _ := startWarm(t, torn, lines...)
	last.expect(n.svc("web"), "A", "NOERROR A "+web)
	keeps(t, torn, "web")
}
