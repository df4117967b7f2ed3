package corefile

import (
	"os"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/hosts"
)

// Hosts are names and addresses, from a file like hosts(5) and from the Corefile itself.
type Hosts struct {
	File   string      // it may not exist; whoever opens it reports that
	Zones  []wire.Name // names below these are answered
	Inline string      // lines in the Corefile, in the form of a hosts file, without a fault

	TTL       uint32        // in seconds
	Reload    time.Duration // how often to look whether the file has changed, 0 for never
	NoReverse bool          // no PTR

	// A name that is not there is asked upstream if it is below one of Fallthrough. Otherwise it
	// gets SERVFAIL. With FallthroughUnsupported, a name that is there is asked upstream too, for
	// types other than A and AAAA.
	Fallthrough            []wire.Name
	FallthroughUnsupported bool
}

// maxHostsTTL is the longest TTL that CoreDNS 1.15.0 takes, in seconds.
const maxHostsTTL = 65535

func readHosts(p *parser, args []string) (err error) {
	h := &Hosts{File: hosts.DefaultPath, TTL: hosts.DefaultTTL, Reload: hosts.DefaultReload}
	if len(args) > 0 {
		h.File, args = args[0], args[1:]
	}
	if h.Zones, err = p.zones(args); err != nil {
		return err
	}
	if _, err := os.Stat(h.File); err != nil {
		p.remark("%v; its names are answered once the file is there", err)
	}
	p.conf.addFile(h.File)
	p.block.Hosts = h
	return nil
}

func hostsTTL(p *parser, args []string) error {
	ttl, err := p.number(args[0], 1, maxHostsTTL)
	p.block.Hosts.TTL = uint32(ttl)
	return err
}

func hostsFallthrough(p *parser, args []string) (err error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	p.block.Hosts.Fallthrough, err = p.zones(args)
	return err
}

// hostsLine reads a line of a hosts file.
func hostsLine(p *parser, words []string) error {
	h, addr, names := p.block.Hosts, words[0], words[1:]
	line := addr + " " + strings.Join(names, " ") + "\n"
	table, faults := hosts.Parse("", []byte(line), hosts.Options{})
	switch {
	case !isHost(addr):
		return p.errorf("%q, expected ADDRESS NAME..., %s", addr, list(p.row.optionNames(), "or"))
	case len(faults) > 0:
		return p.errorf("%q, expected a domain name: labels of 1 to 63 bytes, 255 bytes in all", faults[0].Text)
	case table.Entries() == 0:
		return p.errorf("%s without a name, expected ADDRESS NAME...", addr)
	case len(h.Fallthrough) > 0:
		return p.errorf("%s after fallthrough, expected it before fallthrough", addr)
	}
	h.Inline += line
	checkNames(p, addr, names)
	return nil
}

// isHost reports whether a line of a hosts file can begin with the word.
func isHost(addr string) bool {
	table, _ := hosts.Parse("", []byte(addr+" name"), hosts.Options{})
	return table.Entries() > 0
}

// checkNames notes names that are outside the zones and therefore never answered, and names whose
// * is no wildcard.
func checkNames(p *parser, addr string, names []string) {
	for _, n := range names {
		if strings.Contains(strings.TrimPrefix(n, "*."), "*") {
			p.remark("%s: only a whole first label can be a wildcard, as in *.example.org", n)
		}
		table, _ := hosts.Parse("", []byte(addr+" "+n), hosts.Options{Zones: p.block.Hosts.Zones})
		if table.Entries() == 0 {
			p.remark("%s is in none of its zones", n)
		}
	}
}

func finishHosts(p *parser) error {
	if h := p.block.Hosts; h.FallthroughUnsupported && len(h.Fallthrough) == 0 {
		return p.errorf("fallthrough_unsupported without fallthrough, expected both")
	}
	return nil
}
