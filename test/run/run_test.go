package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neardns/neardns/internal/testkit"
)

const want = `
$ dig @127.0.0.1 -p PORT +short my-svc.my-ns.svc.cluster.local
10.96.0.20

$ dig @127.0.0.1 -p PORT +short -x 10.96.0.20
my-svc.my-ns.svc.cluster.local.

$ dig @127.0.0.1 -p PORT +short dual.my-ns.svc.cluster.local AAAA
fd00:10:96::21

$ dig @127.0.0.1 -p PORT +short db.my-ns.svc.cluster.local
10.244.1.30
10.244.1.31
10.244.2.30

$ dig @127.0.0.1 -p PORT +short _postgres._tcp.db.my-ns.svc.cluster.local SRV
0 33 5432 db-0.db.my-ns.svc.cluster.local.
0 33 5432 db-1.db.my-ns.svc.cluster.local.
0 33 5432 db-2.db.my-ns.svc.cluster.local.

$ dig @127.0.0.1 -p PORT +short -x 10.244.2.30
db-1.db.my-ns.svc.cluster.local.

$ dig @127.0.0.1 -p PORT +short mail.my-ns.svc.cluster.local
mail.example.com.
192.0.2.25

$ dig @127.0.0.1 -p PORT +short +tcp 10-244-1-20.my-ns.pod.cluster.local
10.244.1.20

# through the node cache
$ dig @127.0.0.1 -p NODE +noall +answer db.my-ns.svc.cluster.local
db.my-ns.svc.cluster.local.	5	IN	A	10.244.1.30
db.my-ns.svc.cluster.local.	5	IN	A	10.244.1.31
db.my-ns.svc.cluster.local.	5	IN	A	10.244.2.30

# a second later, from the node cache
$ dig @127.0.0.1 -p NODE +noall +answer db.my-ns.svc.cluster.local
db.my-ns.svc.cluster.local.	4	IN	A	10.244.1.30
db.my-ns.svc.cluster.local.	4	IN	A	10.244.1.31
db.my-ns.svc.cluster.local.	4	IN	A	10.244.2.30
`

// untilHint keeps what is shown, and stops the programs at the hint, which comes last.
type untilHint struct {
	bytes.Buffer
	stop func()
}

func (w *untilHint) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("Ctrl-C")) {
		w.stop()
	}
	return w.Buffer.Write(p)
}

// TestExample serves the example Corefiles on free ports, with the node cache and without, and
// compares what `make run` shows.
func TestExample(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir, "../../cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ports := map[string]string{}
	cluster, node := example(t, dir, "../../corefile.example", ports), example(t, dir, "../../docs/nodecache.example", ports)
	both := []string{filepath.Join(dir, "coredns"), cluster, filepath.Join(dir, "nodecache"), node}
	answers, cached, _ := strings.Cut(want, "\n# through")
	for _, test := range []struct {
		args  []string
		shown string
	}{
		{both, answers + "\n# through" + cached},
		{both[:2], answers + "\nThe node cache runs on Linux only: this is CoreDNS alone.\n"},
	} {
		list, err := programs(test.args)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		shown := untilHint{stop: stop}
		if err := serve(ctx, &shown, list); err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("PORT", port(t, cluster), "NODE", port(t, node)).Replace(test.shown)
		older := regexp.MustCompile(`\t[0-3]\tIN`) // on a busy machine it is more than a second later
		got, _, _ := strings.Cut(older.ReplaceAllString(shown.String(), "\t4\tIN"), "\nChange docs")
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"coredns"}, {"coredns", "Corefile", "nodecache"}} {
		if _, err := programs(args); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", testkit.FreeAddr(t).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr := l.Addr().String()
	if err := free(addr, "corefile.example"); err == nil || !strings.Contains(err.Error(), addr+" is in use") {
		t.Errorf("a busy port: %v", err)
	}
}

func port(t *testing.T, corefile string) string {
	t.Helper()
	addr, err := address(corefile)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// example writes an example Corefile with free ports and without relative paths. The same
// port becomes the same in all of them.
func example(t *testing.T, dir, path string, ports map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`:\d+\b`).ReplaceAllFunc(text, func(port []byte) []byte {
		if ports[string(port)] == "" {
			ports[string(port)] = fmt.Sprintf(":%d", testkit.FreePort(t))
		}
		return []byte(ports[string(port)])
	})
	text = bytes.Replace(text, []byte("snapshot docs"), []byte("snapshot "+docs), 1)
	file := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
