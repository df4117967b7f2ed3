package main

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
)

// service is a snapshot of one Service, with an address.
func service(address string) string {
	return `apiVersion: v1
kind: Namespace
metadata: {name: ns}
---
apiVersion: v1
kind: Service
metadata: {namespace: ns, name: web}
spec: {clusterIP: ` + address + `, clusterIPs: [` + address + `], ports: [{port: 80, protocol: TCP}]}
`
}

// TestLameduck changes a record after SIGTERM, in the lameduck time of the health plugin, in which
// other Pods learn that this one leaves. The server answers with the new record.
func TestLameduck(t *testing.T) {
	p := start(t, `cluster.local:PORT {
    bind HOST
    health 127.0.0.1:0 {
        lameduck 60s
    }
    kubernetes {
        snapshot records.yaml
    }
}
`, map[string]string{"records.yaml": service("10.96.0.1")})
	answers := func(address string) func() bool {
		return func() bool {
			r, err := p.ask("udp", new(dns.Msg).SetQuestion("web.ns.svc.cluster.local.", dns.TypeA))
			return err == nil && len(r.Answer) == 1 && r.Answer[0].(*dns.A).A.String() == address
		}
	}
	p.until(t, "it serves the file", answers("10.96.0.1"))
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.until(t, "it is about to leave", func() bool { return strings.Contains(p.printed(), "Going into lameduck mode") })
	p.write(t, "records.yaml", service("10.96.0.2"))
	p.until(t, "it serves what has changed", answers("10.96.0.2"))
}

// TestLeave sends SIGTERM to a program without a lameduck time and to one with it. Both end by
// themselves.
func TestLeave(t *testing.T) {
	for _, health := range []string{"", "health 127.0.0.1:0 {\n lameduck 10ms\n }"} {
		p := start(t, "cluster.local:PORT {\n bind HOST\n "+health+"\n kubernetes {\n  snapshot records.yaml\n }\n}\n",
			map[string]string{"records.yaml": service("10.96.0.1")})
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-p.ended
		if code := p.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
}

// TestLeaveUnderLoad sends SIGTERM while clients ask for names in the cluster and outside it. All
// that was received is answered, and then the program ends.
func TestLeaveUnderLoad(t *testing.T) {
	for _, lameduck := range []string{"10ms", "1s"} {
		p := start(t, `.:PORT {
    bind HOST
    health 127.0.0.1:0 {
        lameduck `+lameduck+`
    }
    prometheus 127.0.0.1:0
    kubernetes cluster.local {
        snapshot records.yaml
    }
    whoami
}
`, map[string]string{"records.yaml": service("10.96.0.1")})
		p.until(t, "it says where express is on", func() bool { return strings.Contains(p.printed(), "express is on for .:") })
		var queries [][]byte
		for _, name := range []string{"web.ns.svc.cluster.local.", "no.ns.svc.cluster.local.", "example.org."} {
			q, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
			if err != nil {
				t.Fatal(err)
			}
			queries = append(queries, q)
		}
		load := testkit.NewLoad(t, netip.MustParseAddrPort(p.address), queries...)
		load.More(500)
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-p.ended
		load.End()
		if code := p.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if _, err := net.Dial("tcp", p.address); err == nil {
			t.Error("the port is still open")
		}
	}
}
