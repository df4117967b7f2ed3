package nodecache

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestProbe probes two node caches that share all ports, as during an upgrade. Each has a PID
// namespace of its own. The probe tells which of them hangs.
func TestProbe(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr.String()
	addr, pages := testkit.FreeAddr(t), testkit.FreeAddr(t)
	corefile := simple(upstream, "health "+pages.String()+" {\n\t\tlameduck 6s\n\t}", addr)
	one, two := run.NewContainer(t, addr, corefile), run.NewContainer(t, addr, corefile)
	probe := func(c *run.Container, question string, code int, want string) {
		t.Helper()
		began := time.Now()
		got, text := c.Exec("-probe", question)
		if got != code || !strings.HasPrefix(text, want) || strings.Count(text, "\n") != strings.Count(want, "\n") {
			t.Errorf("-probe %s: exit code %d, %q; expected %d, %q", question, got, text, code, want)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("-probe %s took %v", question, took)
		}
	}
	probe(one, "live", 0, "")
	probe(one, "ready", 0, "")
	probe(two, "ready", 0, "")

	two.SignalInside(syscall.SIGSTOP)
	for range 2 {
		code, text := two.Exec("-probe", "live")
		if code != 1 || !strings.HasPrefix(text, "nodecache: nodecache runs but does not answer: ") || strings.Count(text, "\n") != 1 {
			t.Errorf("-probe live of one that hangs: exit code %d, %s", code, text)
		}
	}
	two.SignalInside(syscall.SIGCONT)
	testkit.Eventually(t, "it is live again", func() bool { code, _ := two.Exec("-probe", "live"); return code == 0 })
	probe(one, "live", 0, "")

	one.SignalInside(syscall.SIGTERM)
	testkit.Eventually(t, "it is not ready any more", func() bool { code, _ := one.Exec("-probe", "ready"); return code == 1 })
	probe(one, "live", 0, "")
	probe(one, "ready", 1, "nodecache: stopping\n")
	probe(two, "ready", 0, "")
	run.Equal(t, "exit code", one.Wait(testkit.Patience), 0)
	probe(two, "ready", 0, "")
}

// TestProbeNone probes where no node cache runs.
func TestProbeNone(t *testing.T) {
	t.Parallel()
	code, text := run.Alone(t, "-probe", "live")
	if code != 1 || !strings.HasPrefix(text, "nodecache: no nodecache runs in this PID namespace: ") || strings.Count(text, "\n") != 1 {
		t.Errorf("exit code %d, %s", code, text)
	}
}

// TestPages asks for the pages of the directives health, ready and pprof. Blocks may share the
// addresses.
func TestPages(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr.String()
	addr, pages, profiles := testkit.FreeAddr(t), testkit.FreeAddr(t), testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream, "health "+pages.String()+"\n\tready "+pages.String()+" {\n\t\tmonitor continuously\n\t}\n\tpprof "+profiles.String(), addr))
	node.Answers(addr)
	for url, want := range map[string]int{
		pages.String() + "/health":                           http.StatusOK,
		pages.String() + "/ready":                            http.StatusOK,
		pages.String() + "/metrics":                          http.StatusNotFound,
		node.Metrics.String() + "/metrics":                   http.StatusOK,
		node.Metrics.String() + "/health":                    http.StatusNotFound,
		profiles.String() + "/debug/pprof/":                  http.StatusOK,
		profiles.String() + "/debug/pprof/heap":              http.StatusOK,
		profiles.String() + "/debug/pprof/cmdline":           http.StatusOK,
		profiles.String() + "/debug/pprof/nosuch":            http.StatusNotFound,
		profiles.String() + "/debug/pprof/profile?seconds=1": http.StatusOK,
	} {
		status, body := run.Get(t, "http://"+url)
		if status != want {
			t.Errorf("%s: %d %s, expected %d", url, status, body, want)
		}
		if strings.HasSuffix(url, "health") && want == http.StatusOK && body != "OK" {
			t.Errorf("%s: %q", url, body)
		}
	}
	m := node.Scrape()
	if m.Sum("coredns_health_request_duration_seconds_count") < 1 || m.Sum("coredns_health_request_failures_total") != 0 {
		t.Error("metrics of /health")
	}
}
