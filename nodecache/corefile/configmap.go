package corefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/neardns/neardns/internal/wire"
)

// maxUpstream is as many upstream servers as kube-dns takes.
const maxUpstream = 3

// ReadConfigMap reads the kube-dns ConfigMap that is mounted at dir: stubDomains, which are
// domains and the addresses of their servers, and upstreamNameservers. What is not there is
// empty. That dir is not there is an error, fs.ErrNotExist.
func ReadConfigMap(dir string) (stub map[string][]string, upstream []string, err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, err
	}
	stubPath, upstreamPath := filepath.Join(dir, "stubDomains"), filepath.Join(dir, "upstreamNameservers")
	if err := readJSON(stubPath, &stub, `{"acme.local": ["10.0.0.10"]}`); err != nil {
		return nil, nil, err
	}
	if err := readJSON(upstreamPath, &upstream, `["10.0.0.10"]`); err != nil {
		return nil, nil, err
	}
	for _, domain := range slices.Sorted(maps.Keys(stub)) {
		if err := checkStub(domain, stub[domain]); err != nil {
			return nil, nil, fmt.Errorf("%s: %s: %w", stubPath, domain, err)
		}
	}
	if len(upstream) > maxUpstream {
		return nil, nil, fmt.Errorf("%s: %d servers, expected %d at most", upstreamPath, len(upstream), maxUpstream)
	}
	if err := checkAddrs(upstream); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", upstreamPath, err)
	}
	return stub, upstream, nil
}

func readJSON(path string, into any, example string) error {
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w, expected JSON such as %s", path, err, example)
	}
	return nil
}

func checkStub(domain string, servers []string) error {
	if n, err := wire.ParseName(domain); err != nil {
		return err
	} else if n.IsRoot() {
		return errors.New("the root is no stub domain, expected upstreamNameservers for it")
	}
	if len(servers) == 0 {
		return errors.New("no server, expected at least one address")
	}
	return checkAddrs(servers)
}

func checkAddrs(servers []string) error {
	for _, s := range servers {
		if _, err := netip.ParseAddr(s); err == nil {
			continue
		}
		if _, err := netip.ParseAddrPort(s); err != nil {
			return fmt.Errorf("%q is no server, expected an IP address with or without a port", s)
		}
	}
	return nil
}
