package node

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/neardns/neardns/test/bench/gauge"
)

// upstream is the cluster DNS that all contenders ask. Each contender asks at an address of its own,
// so that their connections can be told apart.
type upstream struct {
	*gauge.Process
	port int
}

// Every Pod's name exists, so there are as many names as a measurement needs.
const (
	upstreamCorefile = `.:%d {
	bind %s
	kubernetes cluster.local in-addr.arpa ip6.arpa {
		snapshot %s
		pods insecure
		ttl 30
	}
}
`
	objects = `apiVersion: v1
kind: Namespace
metadata:
  name: default
`
)

// name returns the name of a Pod.
func name(n int) string {
	return fmt.Sprintf("10-%d-%d-%d.default.pod.cluster.local.", n>>16&255, n>>8&255, n&255)
}

func startUpstream(ctx context.Context, dir, program string) (*upstream, error) {
	port, err := gauge.FreePort()
	if err != nil {
		return nil, err
	}
	u := &upstream{port: port}
	var addrs []string
	for i := range count {
		addrs = append(addrs, u.addr(i).Addr().String())
	}
	snapshot, file := filepath.Join(dir, "snapshot.yaml"), filepath.Join(dir, "upstream.conf")
	for file, text := range map[string]string{
		snapshot: objects,
		file:     fmt.Sprintf(upstreamCorefile, port, strings.Join(addrs, " "), snapshot),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if u.Process, err = gauge.Start(ctx, file+".log", program, "-conf", file); err != nil {
		return nil, err
	}
	if !answers(u.addr(0).String(), name(0)) {
		u.Stop()
		return nil, fmt.Errorf("upstream does not answer:\n%s", u.Log())
	}
	return u, nil
}

// addr returns the address that contender i asks.
func (u *upstream) addr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(1 + i)}), uint16(u.port))
}
