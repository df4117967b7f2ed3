package main

import (
	"bytes"
	"context"
	"errors"
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

// TestExample serves the example Corefiles, on free ports, and asks what `make run` shows.
func TestExample(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir, "../../cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ports := map[string]string{}
	cluster := program{"CoreDNS", filepath.Join(dir, "coredns"), example(t, dir, "../../corefile.example", ports), nil}
	node := program{"the node cache", filepath.Join(dir, "nodecache"), example(t, dir, "../../docs/nodecache.example", ports), []string{"-metrics-listen-address", ""}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	started := 0
	defer func() {
		stop()
		for range started {
			<-ended
		}
	}()
	var addrs []string
	for _, p := range []program{cluster, node} {
		addr, err := p.start(ctx, ended)
		if err != nil {
			t.Fatal(err)
		}
		started++
		addrs = append(addrs, addr)
	}
	var shown bytes.Buffer
	if err := errors.Join(show(&shown, addrs[0]), showCached(&shown, addrs[1])); err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("PORT", port(addrs[0]), "NODE", port(addrs[1])).Replace(want)
	older := regexp.MustCompile(`\t[0-3]\tIN`) // on a busy machine it is more than a second later
	if got := older.ReplaceAllString(shown.String(), "\t4\tIN"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := free(addrs[0], "corefile.example"); err == nil || !strings.Contains(err.Error(), addrs[0]+" is in use") {
		t.Errorf("a busy port: %v", err)
	}
}

func port(addr string) string {
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
