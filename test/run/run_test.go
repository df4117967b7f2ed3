package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
`

// TestExample serves corefile.example, on free ports, and asks what `make run` shows.
func TestExample(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "coredns")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/coredns").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	corefile := filepath.Join(dir, "Corefile")
	if err := os.WriteFile(corefile, example(t), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, err := address(corefile)
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t, binary, corefile, addr)
	_, port, _ := net.SplitHostPort(addr)
	if want := strings.ReplaceAll(want, "PORT", port); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	busy, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	if err := free(addr); err == nil || !strings.Contains(err.Error(), addr+" is in use") {
		t.Errorf("a busy port: %v", err)
	}
}

// ask runs the server for as long as it is asked.
func ask(t *testing.T, binary, corefile, addr string) string {
	t.Helper()
	var log, shown bytes.Buffer
	cmd := exec.Command(binary, "-conf", corefile)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err := answers(addr, ended)
	if err == nil {
		err = show(&shown, addr)
		_ = cmd.Process.Kill()
		<-ended
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return shown.String()
}

// example returns corefile.example with free ports and without relative paths.
func example(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../corefile.example")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]string{}
	text = regexp.MustCompile(`:\d+\b`).ReplaceAllFunc(text, func(port []byte) []byte {
		if ports[string(port)] == "" {
			ports[string(port)] = freePort(t)
		}
		return []byte(ports[string(port)])
	})
	return bytes.Replace(text, []byte("snapshot docs"), []byte("snapshot "+docs), 1)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return fmt.Sprintf(":%d", l.Addr().(*net.TCPAddr).Port)
}
