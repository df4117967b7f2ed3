package nodecache

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/test/nodecache/run"
)

// TestQueryLog logs queries only where the Corefile says so, each as one line of JSON.
func TestQueryLog(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, mixed).Addr.String()
	addr, quiet := testkit.FreeAddr(t), testkit.FreeAddr(t)
	text := simple(upstream, "log . {\n\t\tclass denial\n\t}\n\tlog logged.example {\n\t\tclass all\n\t}", addr)
	node := run.NodeCache(t, strings.Replace(text, "log . {", "log none.example {", 1)+simple(upstream, "", quiet), "-log-format", "json")
	node.Answers(addr)
	node.Answers(quiet)
	for _, name := range []string{"not.example", "www.logged.example", "none.example"} {
		run.Dig(t, addr, "+tcp", "+dnssec", name)
		run.Dig(t, quiet, name)
	}
	line := node.Logs("none.example.")
	var entry map[string]any
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for key, want := range map[string]any{"qname": "none.example.", "qtype": "A", "rcode": "NXDOMAIN", "protocol": "tcp", "client_ip": "127.0.0.1", "dnssec_ok": true} {
		if entry[key] != want {
			t.Errorf("%s is %v, expected %v, in %s", key, entry[key], want, line)
		}
	}
	run.Equal(t, "all lines", len(node.Logged("logged.example.")), 1)
	run.Equal(t, "lines of what is not logged", len(node.Logged("not.example.")), 0)
	run.Equal(t, "lines of denials", len(node.Logged("none.example.")), 1)
}

// TestErrors shows that failed queries are logged, ten a second at most, and none without the
// directive.
func TestErrors(t *testing.T) {
	t.Parallel()
	closed := testkit.FreeAddr(t).String() // nobody answers there
	addr, quiet := testkit.FreeAddr(t), testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(closed, "", addr)+strings.Replace(simple(closed, "", quiet), "errors\n", "\n", 1))
	node.Answers(addr)
	run.Equal(t, "answer", run.Dig(t, quiet, "quiet.example"), "SERVFAIL")
	began := time.Now()
	load := run.StartLoad(t, addr, "udp", 10, fresh, func(m *dns.Msg) bool { return m.Rcode == dns.RcodeServerFailure })
	node.Logs("query failed", "fresh-", "type=A", "error=")
	node.Logs("more queries failed than are logged", "count=")
	load.Stop(100)
	seconds := int(time.Since(began).Seconds()) + 2
	if n := len(node.Logged("query failed")); n > 10*seconds {
		t.Errorf("%d lines in %d seconds", n, seconds)
	}
	run.Equal(t, "lines without the directive", len(node.Logged("quiet.example")), 0)
}

// TestConsolidate shows that errors that match a pattern are logged together.
func TestConsolidate(t *testing.T) {
	t.Parallel()
	closed := testkit.FreeAddr(t).String()
	addr := testkit.FreeAddr(t)
	text := strings.Replace(simple(closed, "", addr), "errors\n", "errors {\n\t\tconsolidate 2s \".*\" warning show_first\n\t}\n", 1)
	node := run.NodeCache(t, text)
	node.Answers(addr)
	for _, name := range []string{"a.example", "b.example", "c.example"} {
		run.Dig(t, addr, name)
	}
	node.Logs("level=WARN", "3 errors like '.*' occurred in last 2s")
	run.Equal(t, "lines of single errors", len(node.Logged("query failed")), 1)
}

// TestDebug shows that details are logged with the directive debug, and only then.
func TestDebug(t *testing.T) {
	t.Parallel()
	closed := testkit.FreeAddr(t).String()
	addr := testkit.FreeAddr(t)
	text := strings.Replace(simple(closed, "reload 2s 0s", addr), "errors\n", "errors {\n\t\tconsolidate 1s \".*\" debug\n\t}\n", 1)
	node := run.NodeCache(t, text)
	node.Answers(addr)
	run.Dig(t, addr, "a.example")
	time.Sleep(3 * time.Second) // it would log the detail a second after the query; nothing shows that it does not
	run.Equal(t, "details", len(node.Logged("level=DEBUG")), 0)
	node.Write("Corefile", strings.Replace(text, "reload", "debug\n\treload", 1))
	takenIn(t, node, 1)
	run.Dig(t, addr, "b.example")
	node.Logs("level=DEBUG", "1 errors like")
}

// TestNotes starts with directives that have no meaning here. The log has one line about each.
func TestNotes(t *testing.T) {
	t.Parallel()
	upstream := testkit.Serve(t, testkit.Address("192.0.2.1", 60)).Addr.String()
	addr := testkit.FreeAddr(t)
	node := run.NodeCache(t, simple(upstream, "loadbalance\n\twhoami\n\ttimeouts {\n\t\tread 5s\n\t}", addr))
	node.Answers(addr)
	for name, place := range map[string]string{"loadbalance": "Corefile:6", "whoami": "Corefile:7", "timeouts": "Corefile:8"} {
		node.Logs(place, name+" has no meaning here: ")
		run.Equal(t, "lines about "+name, len(node.Logged(name)), 1)
	}
}
