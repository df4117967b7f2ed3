package corefile

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/upstream"
)

// maxTo is as many servers as one forward may name, as in CoreDNS.
const maxTo = 15

// Forward sends the queries for some names upstream.
type Forward struct {
	Pos    Pos
	From   wire.Name   // names below it
	Except []wire.Name // but for those below these

	To        []To // see Endpoints
	Resolvers []netip.AddrPort

	// Upstream has what the options say. Servers, Node and what no option is about are not set.
	Upstream upstream.Config
	TLS      [sha256.Size]byte // the sum of what Upstream.TLS was made from, what the files said included

	Next         []wire.Rcode // on these the block's next Forward is asked
	NextOnNodata bool         // and on NODATA
}

// forward reads FROM TO... { options }.
func (d *directive) forward() error {
	args, err := d.args(2, -1, "forward FROM TO...")
	if err != nil {
		return err
	}
	from, err := d.zones(args[:1])
	if err != nil {
		return err
	}
	if len(from) > 1 {
		d.remark("of all reverse zones of " + args[0] + " only " + from[0].String() + " is forwarded, as CoreDNS does")
	}
	if len(args)-1 > maxTo {
		return d.errorf("%d servers, expected %d at most", len(args)-1, maxTo)
	}
	p := &forwardParser{directive: d, Forward: &Forward{Pos: d.pos(), From: from[0]}}
	if err := d.options(p.readOption); err != nil {
		return err
	}
	d.block.Forwards = append(d.block.Forwards, p.Forward)
	return p.finish(args[1:])
}

// forwardParser reads the options of a forward.
type forwardParser struct {
	*directive
	*Forward
	forceTCP   bool
	serverName string
	pem        [][]byte // of tls
}

// finish reads the servers, for which the options must be known, and checks what goes together.
func (p *forwardParser) finish(to []string) error {
	expire := p.Upstream.IdleTimeout
	if expire == 0 {
		expire = defaultExpire
	}
	if p.Upstream.MaxAge > 0 && p.Upstream.MaxAge < expire {
		return p.errorf("max_age %s is less than expire %s, expected it to be no less", p.Upstream.MaxAge, expire)
	}
	for _, word := range to {
		t, err := p.to(word, p.forceTCP)
		if err != nil {
			return err
		}
		p.To = append(p.To, t)
	}
	if err := p.finishTLS(); err != nil {
		return err
	}
	return p.checkServers()
}

// finishTLS makes what TLS servers need, where an option or a server is about TLS.
func (p *forwardParser) finishTLS() error {
	isTLS := func(t To) bool { return t.Endpoint.Proto == upstream.TLS }
	named := func(t To) bool { return t.Endpoint.ServerName != "" }
	if p.serverName != "" && slices.ContainsFunc(p.To, named) {
		return p.errorf("tls_servername %s and a server with a name of its own, expected either", p.serverName)
	}
	if p.Upstream.TLS == nil && slices.ContainsFunc(p.To, isTLS) {
		p.Upstream.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if (p.Upstream.TLS != nil || p.serverName != "") && !slices.ContainsFunc(p.To, isTLS) {
		p.remark("tls and tls_servername are for servers written as tls://ADDRESS; there is none, and queries go in the clear")
	}
	if p.Upstream.TLS != nil {
		p.Upstream.TLS.ServerName = p.serverName
		p.TLS = sha256.Sum256(fmt.Appendf(nil, "%q %q", p.pem, p.serverName))
	}
	return nil
}

// checkServers reads the files with servers once, so that a bad one is known from the start.
func (p *forwardParser) checkServers() error {
	hosts := false
	found, err := p.Endpoints(func(string) ([]netip.Addr, error) { hosts = true; return nil, nil })
	if err != nil {
		return p.errorf("%v", err)
	}
	if len(found) == 0 && !hosts {
		return p.errorf("no server in any file, expected a line such as nameserver 10.0.0.10")
	}
	for _, t := range p.To {
		if t.File != "" {
			p.conf.addFile(t.File)
		}
	}
	return nil
}

// addFile remembers a file.
func (c *Config) addFile(path string) {
	if !slices.Contains(c.Files, path) {
		c.Files = append(c.Files, path)
	}
}
