package corefile

import (
	"errors"
	"net/netip"
	"os"
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// To is one word of a forward's TO...: a server, a file with the addresses of servers, or a host
// whose addresses are servers.
type To struct {
	// Endpoint is the server. With File or Host its address is not valid; their servers have
	// everything else of it, the port too.
	Endpoint upstream.Endpoint

	File string // a file such as /etc/resolv.conf
	Host string // a host's name, with the final dot
}

// Ports of the protocols.
const (
	portDNS = 53
	portTLS = 853 // RFC 7858, section 3.1
)

// addrs returns the addresses of the servers.
func (t To) addrs(look func(host string) ([]netip.Addr, error)) ([]netip.Addr, error) {
	switch {
	case t.File != "":
		return readServers(t.File)
	case t.Host != "":
		return look(t.Host)
	}
	return []netip.Addr{t.Endpoint.Addr.Addr()}, nil
}

// readServers returns the addresses after nameserver in a file like resolv.conf(5). It skips
// words that are no address.
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

// readTo reads [dns://|tls://]ADDRESS[:PORT], a file, or a host's name. Over TLS, ADDRESS%NAME has
// the name in the server's certificate.
func readTo(p *parser, text string) (To, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "dns", text
	}
	switch scheme {
	case "tls":
		return readServer(p, To{Endpoint: upstream.Endpoint{Proto: upstream.TLS}}, text, rest, portTLS)
	case "dns":
		proto := upstream.UDP
		if p.forward.forceTCP {
			proto = upstream.TCP
		}
		return readServer(p, To{Endpoint: upstream.Endpoint{Proto: proto}}, text, rest, portDNS)
	case "tcp", "udp":
		return To{}, p.errorf("%s: expected an address without %s://: queries go over UDP or, with force_tcp, over TCP", text, scheme)
	}
	return To{}, p.errorf("%s: servers are not asked over %s, expected an address, dns://ADDRESS or tls://ADDRESS", text, scheme)
}

// readServer completes t with the rest of text, which follows the scheme.
func readServer(p *parser, t To, text, rest string, port uint16) (To, error) {
	at, name, err := parseAddrPort(rest, port)
	overTLS := t.Endpoint.Proto == upstream.TLS
	if err == nil && name == "" && at.Addr().Is6() && at.Addr().IsLinkLocalUnicast() {
		return To{}, p.errorf("%q, expected it with its interface, such as %s%%eth0", text, at.Addr())
	}
	if err == nil && !isUnicast(at.Addr()) {
		return To{}, p.errorf("%q is not the address of a server, expected one such as 192.0.2.1", text)
	}
	switch {
	case err != nil && !errors.Is(err, errNoAddr):
		return To{}, p.errorf("%s: %v", text, err)
	case err == nil && name != "" && !overTLS && at.Addr().Is4():
		return To{}, p.errorf("%s: a server has a name over TLS only, expected tls://%s", text, rest)
	case err == nil && name != "" && !overTLS:
		at = netip.AddrPortFrom(at.Addr().WithZone(name), at.Port())
	case err == nil:
		t.Endpoint.ServerName = name
	case isPrefix(rest):
		return To{}, p.errorf("%q is a network, expected the address of a server", text)
	case !overTLS && isFile(rest):
		t.File = rest
		at = netip.AddrPortFrom(netip.Addr{}, port)
	default:
		return readHost(p, t, text, rest, port)
	}
	t.Endpoint.Addr = at
	return t, nil
}

// hostChars are the characters of a host's name.
const hostChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// readHost completes t with NAME[:PORT] or, over TLS, NAME[%SERVERNAME][:PORT].
func readHost(p *parser, t To, text, rest string, port uint16) (To, error) {
	if p.row.option(rest) != nil {
		return To{}, p.errorf("%q is an option, expected it within { } after the servers", text)
	}
	host, port, err := splitPort(rest, port)
	host, serverName, named := strings.Cut(host, "%")
	name, nameErr := wire.ParseName(host)
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if err != nil || nameErr != nil || named && t.Endpoint.Proto != upstream.TLS ||
		strings.Trim(host, hostChars) != "" || isNumber(labels[len(labels)-1]) || name.IsRoot() {
		return To{}, p.errorf("%q, expected an IP address with or without a port, a file such as /etc/resolv.conf, or a host's name%s", text, hint(text))
	}
	t.Host = name.String()
	t.Endpoint.ServerName = serverName
	t.Endpoint.Addr = netip.AddrPortFrom(netip.Addr{}, port)
	return t, nil
}

// isUnicast reports whether an address can be that of one host.
func isUnicast(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isFile reports whether a word is a file and not a host's name: it has a slash, or a file exists.
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
