package corefile

import (
	"bytes"
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

// maxUpstream is how many upstream servers kube-dns takes.
const maxUpstream = 3

// ReadConfigMap reads the kube-dns ConfigMap that is mounted at dir: from stubDomains the domains
// and the addresses of their servers, and from upstreamNameservers the addresses of those. A key
// that is missing is empty. If dir does not exist, the error is fs.ErrNotExist.
func ReadConfigMap(dir string) (stub map[string][]string, upstream []string, err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, nil, fmt.Errorf("%w; -kubednscm names the folder of the kube-dns ConfigMap", err)
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

// readJSON reads a file of JSON, if it exists. Errors show the example.
func readJSON(path string, into any, example string) error {
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s:%d: %w, expected JSON such as %s", path, lineOf(text, err), err, example)
	}
	if key := twice(text); key != "" {
		return fmt.Errorf("%s: %s is there twice, expected it once, with all of its servers", path, key)
	}
	return nil
}

// lineOf returns the line that an error of package json is about.
func lineOf(text []byte, err error) int {
	offset := int64(len(text))
	if e := (*json.SyntaxError)(nil); errors.As(err, &e) {
		offset = e.Offset - 1 // it counts from 1
	} else if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) {
		offset = e.Offset
	}
	return 1 + bytes.Count(text[:min(max(offset, 0), int64(len(text)))], []byte("\n"))
}

// twice returns a key that the object in text has more than once. Package json would keep the last.
func twice(text []byte) string {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return ""
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		name, _ := key.(string)
		var value json.RawMessage
		if err != nil || seen[name] || d.Decode(&value) != nil {
			return name
		}
		seen[name] = true
	}
	return ""
}

func checkStub(domain string, servers []string) error {
	if n, err := wire.ParseName(domain); err != nil {
		return err
	} else if n.IsRoot() {
		return errors.New("the root is not a stub domain, expected its servers in upstreamNameservers")
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
			return fmt.Errorf("%q is not a server, expected an IP address with or without a port", s)
		}
	}
	return nil
}
