package corefile

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// Forward sends the queries for some names upstream.
type Forward struct {
	Pos    Pos
	From   wire.Name   // names below it go upstream,
	Except []wire.Name // without those below these

	To        []To             // see Endpoints
	Resolvers []netip.AddrPort // they are asked for the addresses of To's hosts; empty: the node's own

	// Upstream has what the options say. Servers and Node are not set, nor is anything that has
	// no option.
	Upstream upstream.Config
	TLS      [sha256.Size]byte // changes with Upstream.TLS, and with the content of its files

	Next         []wire.Rcode // for these codes the block's next Forward is asked
	NextOnNodata bool         // it is also asked for NODATA
}

// Endpoints returns the servers in the order of the Corefile, each once. It reads the files with
// servers, which may have changed, and calls look for the addresses of a host.
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

// has reports whether f has the server t, over any protocol.
func (f *Forward) has(t To) bool {
	return slices.ContainsFunc(f.To, func(o To) bool {
		return o.File == t.File && o.Host == t.Host && o.Endpoint.Addr == t.Endpoint.Addr
	})
}

// within returns the parts of b's zones that are below From: whole zones, or From itself.
func (f *Forward) within(b *Block) (zones []wire.Name) {
	for _, z := range b.zones() {
		switch {
		case z.Below(f.From):
			zones = append(zones, z)
		case f.From.Below(z):
			zones = append(zones, f.From)
		}
	}
	return zones
}

// takes reports whether Except leaves f a name that is below From.
func (f *Forward) takes(name wire.Name) bool { return !slices.ContainsFunc(f.Except, name.Below) }

// behind reports whether first, which stands before f, keeps all of f's names.
func (f *Forward) behind(first *Forward) bool {
	return f.From.Below(first.From) && len(first.Except) == 0 && len(first.Next) == 0 && !first.NextOnNodata
}

// draft is a Forward whose options are being read.
type draft struct {
	*Forward
	to         []string // the servers, as written
	forceTCP   bool
	serverName string   // of tls_servername
	pem        [][]byte // the files of tls
}

// maxTo is how many servers a forward may name, as in CoreDNS.
const maxTo = 15

func readForward(p *parser, args []string) error {
	from, err := p.zones(args[:1])
	if err != nil {
		return err
	}
	if len(from) > 1 {
		p.remark("%s has several reverse zones; only %s is forwarded, as in CoreDNS", args[0], from[0])
	}
	if len(args)-1 > maxTo {
		return p.errorf("%d servers, expected %d at most", len(args)-1, maxTo)
	}
	p.forward = &draft{Forward: &Forward{Pos: p.pos(), From: from[0]}, to: args[1:]}
	return nil
}

// finishForward reads the servers, which depend on force_tcp, and checks options that depend on
// each other.
func finishForward(p *parser) error {
	f := p.forward
	p.block.Forwards = append(p.block.Forwards, f.Forward)
	expire := f.Upstream.IdleTimeout
	if expire == 0 {
		expire = upstream.DefaultIdleTimeout
	}
	if f.Upstream.MaxAge > 0 && f.Upstream.MaxAge < expire {
		return p.errorf("max_age %s is less than expire %s, expected it to be no less", f.Upstream.MaxAge, expire)
	}
	for _, word := range f.to {
		t, err := readTo(p, word)
		if err != nil {
			return err
		}
		f.To = append(f.To, t)
	}
	if err := finishTLS(p); err != nil {
		return err
	}
	return checkFiles(p)
}

// finishTLS makes the configuration of TLS, if an option or a server is about TLS.
func finishTLS(p *parser) error {
	f := p.forward
	isTLS := func(t To) bool { return t.Endpoint.Proto == upstream.TLS }
	named := func(t To) bool { return t.Endpoint.ServerName != "" }
	if f.serverName != "" && slices.ContainsFunc(f.To, named) {
		return p.errorf("tls_servername %s, and a server with a name of its own, expected one or the other", f.serverName)
	}
	if f.Upstream.TLS == nil && slices.ContainsFunc(f.To, isTLS) {
		f.Upstream.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if (f.Upstream.TLS != nil || f.serverName != "") && !slices.ContainsFunc(f.To, isTLS) {
		p.remark("tls and tls_servername are for servers written as tls://ADDRESS; there is none, and queries are not encrypted")
	}
	if f.Upstream.TLS != nil {
		f.Upstream.TLS.ServerName = f.serverName
		f.TLS = sha256.Sum256(fmt.Appendf(nil, "%q %q", f.pem, f.serverName))
	}
	return nil
}

// checkFiles reads the files with servers once, so that a bad one is known from the start.
func checkFiles(p *parser) error {
	hosts := false
	found, err := p.forward.Endpoints(func(string) ([]netip.Addr, error) { hosts = true; return nil, nil })
	if err != nil {
		return p.errorf("%v", err)
	}
	if len(found) == 0 && !hosts {
		return p.errorf("no server in any file, expected a line such as nameserver 10.0.0.10")
	}
	for _, t := range p.forward.To {
		if t.File != "" {
			p.conf.addFile(t.File)
		}
	}
	return nil
}

func forwardExcept(p *parser, args []string) error {
	zones, err := p.zones(args)
	p.forward.Except = append(p.forward.Except, zones...)
	return err
}

func forwardFollow(p *parser, args []string) error {
	name, err := wire.ParseName(args[0])
	if err != nil || name.IsRoot() {
		return p.errorf("%q, expected the DNS name of a headless Service", args[0])
	}
	p.forward.Upstream.Name = name.String()
	if len(args) > 1 {
		port, err := p.number(args[1], 1, 65535)
		p.forward.Upstream.Port = uint16(port)
		return err
	}
	return nil
}

func forwardResolver(p *parser, args []string) error {
	p.forward.Resolvers = nil
	for _, arg := range args {
		at, name, err := parseAddrPort(arg, portDNS)
		if err != nil || name != "" {
			return p.errorf("%q, expected an IP address with or without a port", arg)
		}
		p.forward.Resolvers = append(p.forward.Resolvers, at)
	}
	return nil
}

// policies are the words of the option policy.
var policies = map[string]upstream.Policy{
	"random":      upstream.Random,
	"round_robin": upstream.RoundRobin,
	"sequential":  upstream.Sequential,
}

func forwardPolicy(p *parser, args []string) error {
	policy, known := policies[args[0]]
	if !known {
		return p.unexpected(args...)
	}
	p.forward.Upstream.Policy = policy
	return nil
}

func forwardNext(p *parser, args []string) error {
	rcodes, err := readRcodes(p, args)
	p.forward.Next = append(p.forward.Next, rcodes...)
	return err
}

func forwardFailover(p *parser, args []string) error {
	rcodes, err := readRcodes(p, args)
	for _, r := range rcodes {
		if r == wire.NoError {
			return p.errorf("NOERROR is an answer, expected RCODEs such as SERVFAIL or REFUSED")
		}
		p.forward.Upstream.Failover = append(p.forward.Upstream.Failover, uint8(r))
	}
	return err
}

// readRcodes reads RCODEs that fit into a header (RFC 1035, section 4.1.1; RFC 2136, section 2.2).
func readRcodes(p *parser, args []string) (rcodes []wire.Rcode, err error) {
	const known = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE"
	for _, arg := range args {
		code := slices.Index(strings.Fields(known), strings.ToUpper(arg))
		if code < 0 {
			return nil, p.errorf("%q, expected an RCODE of %s", arg, known)
		}
		rcodes = append(rcodes, wire.Rcode(code))
	}
	return rcodes, nil
}

func forwardSource(p *parser, args []string) (err error) {
	p.forward.Upstream.Source, err = p.addr(args[0])
	return err
}

func forwardTLS(p *parser, files []string) (err error) {
	pem := make([][]byte, len(files))
	for i, path := range files {
		if pem[i], err = readFile(path); err != nil {
			return p.errorf("%v", err)
		}
		p.conf.addFile(path)
		p.sum.Write(pem[i])
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	p.forward.pem, p.forward.Upstream.TLS = pem, conf
	if len(pem) > 1 {
		pair, err := tls.X509KeyPair(pem[0], pem[1])
		if err != nil {
			return p.errorf("%s and %s: %v", files[0], files[1], err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	if len(pem)%2 == 1 { // CA is the only file, or the last of three
		last := len(pem) - 1
		if conf.RootCAs, err = roots(pem[last]); err != nil {
			return p.errorf("%s: %v", files[last], err)
		}
	}
	return nil
}

// roots returns the certificates in a PEM file.
func roots(pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate, expected one in PEM")
	}
	return pool, nil
}

func forwardServerName(p *parser, args []string) error {
	if _, err := wire.ParseName(args[0]); err != nil {
		return p.errorf("%v", err)
	}
	p.forward.serverName = args[0]
	return nil
}

func forwardExpire(p *parser, args []string) (err error) {
	p.forward.Upstream.IdleTimeout, err = p.duration(args[0], 0)
	if err == nil && p.forward.Upstream.IdleTimeout == 0 {
		p.meaningless(fmt.Sprintf("connections without a query are kept for %s", upstream.DefaultIdleTimeout))
	}
	return err
}

// forwardMaxAge: 0 stands for no limit, which is negative for upstream.
func forwardMaxAge(p *parser, args []string) (err error) {
	p.forward.Upstream.MaxAge, err = p.duration(args[0], 0)
	if p.forward.Upstream.MaxAge == 0 {
		p.forward.Upstream.MaxAge = -1
	}
	return err
}

// forwardMaxAsks: 0 stands for no limit. Upstream has one all the same.
func forwardMaxAsks(p *parser, args []string) (err error) {
	p.forward.Upstream.MaxAsks, err = p.number(args[0], 0, math.MaxInt32)
	if p.forward.Upstream.MaxAsks == 0 {
		p.forward.Upstream.MaxAsks = upstream.MaxAsks
	}
	return err
}

// forwardMaxFails: 0 stands for servers that never count as down, which is negative for upstream.
func forwardMaxFails(p *parser, args []string) (err error) {
	p.forward.Upstream.MaxFails, err = p.number(args[0], 0, math.MaxInt32)
	if p.forward.Upstream.MaxFails == 0 {
		p.forward.Upstream.MaxFails = -1
	}
	return err
}

func forwardHealthCheck(p *parser, args []string) (err error) {
	conf := &p.forward.Upstream
	if conf.CheckInterval, err = p.duration(args[0], 0); err != nil {
		return err
	}
	if conf.CheckInterval == 0 {
		p.meaningless(fmt.Sprintf("a server that failed is checked every %s", upstream.DefaultCheckInterval))
	}
	for args = args[1:]; len(args) > 0; args = args[1:] {
		switch {
		case args[0] == "no_rec":
			conf.CheckNoRecurse = true
		case args[0] == "domain" && len(args) > 1:
			name, err := wire.ParseName(args[1])
			if err != nil {
				return p.errorf("%v", err)
			}
			conf.CheckName, args = wire.Name(name.AppendLower(nil)).String(), args[1:]
		default:
			return p.unexpected(args[0])
		}
	}
	return nil
}
