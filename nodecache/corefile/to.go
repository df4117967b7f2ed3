package corefile

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// To is a server, a file that names servers, or a host whose addresses are.
type To struct {
	// Endpoint is the server. With File or Host, its address is not valid, and the rest is
	// what their servers have too.
	Endpoint upstream.Endpoint

	File string // like /etc/resolv.conf
	Host string // with the dot at its end
}

// Ports of the protocols.
const (
	portDNS = 53
	portTLS = 853 // RFC 7858, section 3.1
)

// Endpoints returns the servers, each once, in the order of the Corefile. It reads the files,
// which may change, and calls look for hosts.
func (f *Forward) Endpoints(look func(host string) ([]netip.Addr, error)) ([]upstream.Endpoint, error) {
	var all []upstream.Endpoint
	for _, t := range f.To {
		addrs, err := t.addrs(look)
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			e := t.Endpoint
			e.Addr = netip.AddrPortFrom(a, e.Addr.Port())
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
	}
	return all, nil
}

func (t To) addrs(look func(string) ([]netip.Addr, error)) ([]netip.Addr, error) {
	switch {
	case t.File != "":
		return readServers(t.File)
	case t.Host != "":
		return look(t.Host)
	}
	return []netip.Addr{t.Endpoint.Addr.Addr()}, nil
}

// readServers returns what follows nameserver in a file like resolv.conf(5). What is no
// address is passed over.
func readServers(path string) ([]netip.Addr, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var servers []netip.Addr
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil {
			servers = append(servers, a.Unmap())
		}
	}
	return servers, nil
}

// to reads a server: [dns://|tls://]ADDRESS[:PORT], a file, or a host's name. ADDRESS%NAME
// is, over TLS, the name in its certificate.
func (d *directive) to(text string, tcp bool) (To, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "dns", text
	}
	t := To{}
	switch port := uint16(portDNS); scheme {
	case "tls":
		port, t.Endpoint.Proto = portTLS, upstream.TLS
		fallthrough
	case "dns":
		if tcp && scheme == "dns" {
			t.Endpoint.Proto = upstream.TCP
		}
		return d.toAt(t, text, rest, port)
	}
	if scheme == "tcp" || scheme == "udp" {
		return To{}, d.errorf("%s: expected an address, which is asked over UDP or, with force_tcp, over TCP", text)
	}
	return To{}, d.errorf("%s: servers are not asked over %s, expected an address, dns://ADDRESS or tls://ADDRESS", text, scheme)
}

func (d *directive) toAt(t To, text, rest string, port uint16) (To, error) {
	at, name, err := parseAddrPort(rest, port)
	overTLS := t.Endpoint.Proto == upstream.TLS
	if err == nil && name == "" && at.Addr().Is6() && at.Addr().IsLinkLocalUnicast() {
		return To{}, d.errorf("%q, expected the interface too, as %s%%eth0", text, at.Addr())
	}
	if err == nil && !isUnicast(at.Addr()) {
		return To{}, d.errorf("%q is the address of no server, expected one such as 192.0.2.1", text)
	}
	switch {
	case err != nil && !errors.Is(err, errNoAddr):
		return To{}, d.errorf("%s: %v", text, err)
	case err == nil && name != "" && !overTLS && at.Addr().Is4():
		return To{}, d.errorf("%s: a server has a name over TLS only, expected tls://%s", text, rest)
	case err == nil && name != "" && !overTLS:
		at = netip.AddrPortFrom(at.Addr().WithZone(name), at.Port())
	case err == nil:
		t.Endpoint.ServerName = name
	case isPrefix(rest):
		return To{}, d.errorf("%q is a network, expected the address of a server", text)
	case !overTLS && isFile(rest):
		t.File = rest
		at = netip.AddrPortFrom(netip.Addr{}, port)
	default:
		return d.toHost(t, text, rest, port)
	}
	t.Endpoint.Addr = at
	return t, nil
}

// isUnicast reports whether an address may be that of one host.
func isUnicast(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isFile reports whether a word is no host's name: it has a slash, or a file is there.
func isFile(word string) bool {
	if strings.Contains(word, "/") {
		return true
	}
	info, err := os.Stat(word)
	return err == nil && info.Mode().IsRegular()
}

func isPrefix(word string) bool {
	_, err := netip.ParsePrefix(word)
	return err == nil
}

// hostChars are what a host's name is made of.
const hostChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// toHost reads NAME[:PORT] or, over TLS, NAME%SERVERNAME[:PORT].
func (d *directive) toHost(t To, text, rest string, port uint16) (To, error) {
	if slices.Contains(strings.Fields(forwardOptions), rest) {
		return To{}, d.errorf("%q is an option, expected it within { } behind the servers", text)
	}
	host, port, err := splitPort(rest, port)
	host, serverName, named := strings.Cut(host, "%")
	name, nameErr := wire.ParseName(host)
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if err != nil || nameErr != nil || named && t.Endpoint.Proto != upstream.TLS ||
		strings.Trim(host, hostChars) != "" || isNumber(labels[len(labels)-1]) || name.IsRoot() {
		return To{}, d.errorf("%q, expected an IP address with or without a port, a file such as /etc/resolv.conf, or a host's name%s", text, hint(text))
	}
	t.Host = name.String()
	t.Endpoint.ServerName = serverName
	t.Endpoint.Addr = netip.AddrPortFrom(netip.Addr{}, port)
	return t, nil
}
