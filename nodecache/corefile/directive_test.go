package corefile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/neardns/neardns/nodecache/querylog"
)

func TestDirectives(t *testing.T) {
	for _, test := range []struct {
		text string
		got  func(c *Config, b *Block) any
		want string
	}{
		{"bind 127.0.0.1 ::1 eth0", binds, "[127.0.0.1 ::1 eth0]"},
		{"bind 127.0.0.1\nbind 127.0.0.1 127.0.0.2", binds, "[127.0.0.1 127.0.0.2]"},
		{"bind 127.0.0.1 127.0.0.2 {\nexcept 127.0.0.2\n}", binds, "[127.0.0.1]"},
		{"bind eth0 {\nexcept 192.0.2.1 eth1\n}", func(_ *Config, b *Block) any { return b.Binds[0].Except }, "[192.0.2.1 eth1]"},
		{"bind fe80::1%eth0", binds, "[fe80::1%eth0]"},
		{"bufsize", func(_ *Config, b *Block) any { return b.Bufsize }, "1232"},
		{"bufsize 4096", func(_ *Config, b *Block) any { return b.Bufsize }, "4096"},
		{"errors", errorsOf, ""},
		{"errors stdout {\nstacktrace\nconsolidate 5m \".* i/o timeout$\" warning show_first\nconsolidate 30s x\n}", errorsOf,
			"{5m0s .* i/o timeout$ WARN true} {30s x ERROR false}"},
		{"errors {\nconsolidate 30s x show_first\n}", errorsOf, "{30s x ERROR true}"},
		{"log", logs, "{. true true true}"},
		{"log A.example", logs, "{a.example. true true true}"},
		{"log a.example b.example {\nclass denial error\n}", logs, "{a.example. false true true} {b.example. false true true}"},
		{"log {\nclass success\n}\nlog b.example {\nclass all\n}", logs, "{. true false false} {b.example. true true true}"},
		{`log A.example b.example "{remote} {common}"`, logs, "{a.example. true true true} {b.example. true true true}"},
		{"loop\ndebug", func(_ *Config, b *Block) any { return fmt.Sprint(b.Loop, b.Debug) }, "true true"},
		{"prometheus", func(_ *Config, b *Block) any { return *b.Prometheus }, "{localhost:9153}"},
		{"prometheus :9253 {\nruntime_metrics\n}", func(_ *Config, b *Block) any { return *b.Prometheus }, "{:9253}"},
		{"health", func(c *Config, _ *Block) any { return c.Health }, "[{Corefile:2 :8080 0s}]"},
		{"health 127.0.0.1:8081 {\nlameduck 5s\n}", func(c *Config, _ *Block) any { return c.Health }, "[{Corefile:2 127.0.0.1:8081 5s}]"},
		{"ready", func(c *Config, _ *Block) any { return c.Ready }, "[{:8181 false}]"},
		{"ready :1 {\nmonitor continuously\n}", func(c *Config, _ *Block) any { return c.Ready }, "[{:1 true}]"},
		{"ready :1 {\nmonitor until-ready\n}", func(c *Config, _ *Block) any { return c.Ready }, "[{:1 false}]"},
		{"pprof", func(c *Config, _ *Block) any { return *c.Pprof }, "{localhost:6053 0}"},
		{"pprof :6060 {\nblock\n}", func(c *Config, _ *Block) any { return *c.Pprof }, "{:6060 1}"},
		{"pprof {\nblock 5\n}", func(c *Config, _ *Block) any { return *c.Pprof }, "{localhost:6053 5}"},
		{"", func(c *Config, _ *Block) any { return c.Reload }, "<nil>"},
		{"bind ::1\ncache\nfamily ipv4\nlog\nlog a.example\nready\nwhoami", func(_ *Config, b *Block) any { return b.Plugins }, "[cache template log]"},
		{"reload", func(c *Config, _ *Block) any { return *c.Reload }, "{30s 15s}"},
		{"reload 10s", func(c *Config, _ *Block) any { return *c.Reload }, "{10s 5s}"},
		{"reload 10s 0", func(c *Config, _ *Block) any { return *c.Reload }, "{10s 0s}"},
		{"reload 10s 2s", func(c *Config, _ *Block) any { return *c.Reload }, "{10s 2s}"},
		{"family ipv4", ipv4Only, "[example.org.]"},
		{"template IN AAAA {\nrcode NOERROR\n}", ipv4Only, "[example.org.]"},
		{"template ANY AAAA", ipv4Only, "[example.org.]"},
		{"template IN AAAA . 10.0.0.0/8 {\nmatch .*\nrcode NOERROR\nfallthrough\n}", ipv4Only, "[. 10.in-addr.arpa.]"},
		{"template IN AAAA {\nauthority \"example.org. 60 IN SOA ns.example.org. a.example.org. 1 60 60 60 60\"\n}\nfamily ipv4", ipv4Only, "[example.org.]"},
	} {
		c := parse(t, "example.org {\n"+test.text+"\n}\n", Options{})
		if got := fmt.Sprint(test.got(c, c.Blocks[0])); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func binds(_ *Config, b *Block) any { return b.Binds }

func ipv4Only(_ *Config, b *Block) any { return b.IPv4Only }

func errorsOf(_ *Config, b *Block) any {
	var s []string
	for _, c := range b.Errors.Consolidate {
		s = append(s, fmt.Sprintf("{%s %s %s %t}", c.Period, c.Pattern, c.Level, c.ShowFirst))
	}
	return strings.Join(s, " ")
}

func logs(_ *Config, b *Block) any {
	var s []string
	for _, l := range b.Log {
		s = append(s, fmt.Sprintf("{%s %t %t %t}", l.Zone, l.Classes&querylog.Success != 0, l.Classes&querylog.Denial != 0, l.Classes&querylog.Error != 0))
	}
	return strings.Join(s, " ")
}

func TestDirectiveErrors(t *testing.T) {
	const other = "the node cache does not have this directive: keep it on the cluster DNS, and here forward the zone there (forward ZONE ADDRESS)"
	directives := list(directiveNames(), "and")
	for _, test := range []struct{ text, want string }{
		{"bind", ":2: bind: 0 arguments, expected bind ADDRESS|INTERFACE..."},
		{"bind 10.0.0.300", `:2: bind: "10.0.0.300", expected an IP address or the name of an interface`},
		{"bind an_interface_name", `:2: bind: "an_interface_name", expected an IP address or the name of an interface`},
		{"bind eth0 {\nexcept\n}", ":3: bind: except: 0 arguments, expected except ADDRESS|INTERFACE..."},
		{"bind eth0 {\nbut ::1\n}", `:3: bind: unknown option "but", expected except`},
		{"bind ::1 {\nexcept ::1\n}", ":4: bind: nothing left to listen on, expected an address that is not in except"},
		{"bufsize 511", `:2: bufsize: "511", expected a whole number from 512 to 4096`},
		{"bufsize 4097", `:2: bufsize: "4097", expected a whole number from 512 to 4096`},
		{"bufsize 1 2", ":2: bufsize: 2 arguments, expected bufsize [SIZE]"},
		{"debug yes", ":2: debug: 1 argument, expected debug"},
		{"loop yes", ":2: loop: 1 argument, expected loop"},
		{"errors /var/log/errors", `:2: errors: "/var/log/errors", expected no file: errors go where the log goes`},
		{"errors {\nstacktraces\n}", `:3: errors: unknown option "stacktraces", expected perhaps stacktrace; there are stacktrace and consolidate`},
		{"errors {\nstacktrace yes\n}", ":3: errors: stacktrace: 1 argument, expected stacktrace"},
		{"errors {\nconsolidate 5m\n}", ":3: errors: consolidate: 1 argument, expected consolidate DURATION REGEXP [debug|info|warning|error] [show_first]"},
		{"errors {\nconsolidate 0s x\n}", ":3: errors: consolidate: 0s, expected a duration above 0s"},
		{"errors {\nconsolidate 5m (\n}", ":3: errors: consolidate: error parsing regexp: missing closing ): `(`"},
		{"errors {\nconsolidate 5m x show_first info\n}", `:3: errors: consolidate: "show_first info", expected consolidate DURATION REGEXP [debug|info|warning|error] [show_first]`},
		{"log {\nclass\n}", ":3: log: class: 0 arguments, expected class all|success|denial|error..."},
		{"log {\nclass none\n}", `:3: log: class: "none", expected class all|success|denial|error...`},
		{"log {\nclasses all\n}", `:3: log: unknown option "classes", expected class`},
		{"log a..b", `:2: log: domain name "a..b": an empty label, expected a zone such as example.com or a network such as 10.0.0.0/8`},
		{"prometheus 9153", `:2: prometheus: "9153", expected an address such as :8080 or 127.0.0.1:8080`},
		{"prometheus {\ntls web.yml\n}", ":3: prometheus: tls: metrics are served unencrypted, expected no tls, and an address that only a proxy reaches"},
		{"prometheus {\nruntime_metrics yes\n}", ":3: prometheus: runtime_metrics: 1 argument, expected runtime_metrics"},
		{"prometheus {\nruntime\n}", `:3: prometheus: unknown option "runtime", expected runtime_metrics`},
		{"health :http", `:2: health: ":http", expected an address such as :8080 or 127.0.0.1:8080`},
		{"health :1 :2", ":2: health: 2 arguments, expected health [ADDRESS]"},
		{"health {\nlameduck\n}", ":3: health: lameduck: 0 arguments, expected lameduck DURATION"},
		{"health {\nlameduck -1s\n}", ":3: health: lameduck: -1s, expected a duration of at least 0s"},
		{"health {\nlame 1s\n}", `:3: health: unknown option "lame", expected lameduck`},
		{"health\n}\nexample.net {\nhealth", ":5: health: :8080 is already at Corefile:2, expected another address, or health once"},
		{"ready 8181", `:2: ready: "8181", expected an address such as :8080 or 127.0.0.1:8080`},
		{"ready {\nmonitor always\n}", `:3: ready: monitor: "always", expected monitor until-ready|continuously`},
		{"ready {\nmonitors\n}", `:3: ready: unknown option "monitors", expected monitor`},
		{"pprof :65536", `:2: pprof: ":65536", expected an address such as :8080 or 127.0.0.1:8080`},
		{"pprof {\nblock -1\n}", `:3: pprof: block: "-1", expected a whole number from 0 to 2147483647`},
		{"pprof {\nblocks\n}", `:3: pprof: unknown option "blocks", expected block`},
		{"pprof\n}\nexample.net {\npprof :6060", ":5: pprof: the Corefile already has it at Corefile:2, expected it once"},
		{"reload 1s", ":2: reload: 1s, expected a duration of at least 2s"},
		{"reload 10", `:2: reload: "10", expected a duration such as 500ms, 30s or 1h`},
		{"reload 10s 500ms", ":2: reload: a jitter of 500ms, expected 0s or at least 1s"},
		{"reload 10s 1s 1s", ":2: reload: 3 arguments, expected reload [INTERVAL] [JITTER]"},
		{"family ipv6", `:2: family: "ipv6", expected family ipv4`},
		{"family", ":2: family: 0 arguments, expected family ipv4"},
		{"template IN A", ":2: template: IN A: " + templateHelp},
		{"template IN", ":2: template: 1 argument, expected template IN AAAA [ZONES...]"},
		{"template IN AAAA {\nrcode NXDOMAIN\n}", `:3: template: rcode: "NXDOMAIN": ` + templateHelp},
		{"template IN AAAA {\nanswer \"{{ .Name }} 60 IN AAAA ::1\"\n}", `:3: template: "answer {{ .Name }} 60 IN AAAA ::1": ` + templateHelp},
		{"template IN AAAA {\nauthority \"example.org. 60 IN NS ns.example.org.\"\n}", `:3: template: authority: "example.org. 60 IN NS ns.example.org.": ` + templateHelp},
		{"template IN AAAA {\nmatch ^a[.]\n}", `:3: template: match: "^a[.]": ` + templateHelp},
		{"rewrite name a.example b.example", ":2: rewrite: " + other},
		{"dns64", ":2: dns64: " + other},
		{"kubernetes cluster.local", ":2: kubernetes: " + other},
		{"forwrad . 192.0.2.1", `:2: "forwrad" is not a directive of CoreDNS, expected perhaps forward; there are ` + directives},
		{"cahce 30", `:2: "cahce" is not a directive of CoreDNS, expected perhaps cache; there are ` + directives},
		{"rewrite name a b\nrewrite name c d", ":2: rewrite: " + other},
		{"loop\nloop", ":3: loop: the block already has it at Corefile:2, expected it once"},
	} {
		wantError(t, "example.org {\n"+test.text+"\n}\n", "Corefile"+test.want, Options{})
	}
}

// TestOtherDirectives shows that each directive of CoreDNS 1.15.0 that the node cache lacks has one
// error, whatever is in its block.
func TestOtherDirectives(t *testing.T) {
	for _, d := range strings.Fields(elsewhere) {
		wantError(t, "example.org {\n"+d+" a {\nb c\n}\n}", "Corefile:2: "+d+": the node cache does not have this directive: "+
			"keep it on the cluster DNS, and here forward the zone there (forward ZONE ADDRESS)", Options{})
	}
	if n := len(strings.Fields(elsewhere)) + len(directives); n != 63 {
		t.Errorf("%d directives, and CoreDNS has 62 and family is ours", n)
	}
}

func TestNotes(t *testing.T) {
	got := notes(t, "loadbalance round_robin\ntimeouts {\nread 5s\n}\ntrace\nwhoami\n"+
		"template IN AAAA {\nauthority \"a. 60 IN SOA b. c. 1 60 60 60 60\"\n}\n"+
		"errors {\nstacktrace\n}\nprometheus {\nruntime_metrics\n}\nlog . \"{remote} {combined}\" {\nclass error\n}\nlog")
	want := "Corefile:2: loadbalance has no meaning here: addresses are always rotated\n" +
		"Corefile:3: timeouts has no meaning here: the limits of client connections are fixed\n" +
		"Corefile:6: trace has no meaning here: nothing is traced\n" +
		"Corefile:7: whoami has no meaning here: the block's other directives answer\n" +
		"Corefile:9: template: authority has no meaning here: the answer has no SOA record\n" +
		"Corefile:12: errors: stacktrace has no meaning here: errors have no stack, and a panic is always logged with its stack\n" +
		"Corefile:15: prometheus: runtime_metrics has no meaning here: the usual metrics of the Go runtime are always served\n" +
		"Corefile:17: log: FORMAT is ignored: entries are structured, and have everything that it can name except metadata"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
