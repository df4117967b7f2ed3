package nodecache

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/neardns/neardns/nodecache/corefile"
)

// errRefused says that Check found what a start would stop at.
var errRefused = errors.New("this Corefile would not start")

// Check reads the Corefile and starts nothing. It writes in plain lines what is refused; what is
// accepted but has no effect, or another one than it seems to have; and what differs from CoreDNS
// and today's node-local cache. It returns an error if anything is refused.
func Check(c Config, w io.Writer) error {
	o := c.Options
	var wrong []error
	if c.KubeDNS != "" {
		stubs, servers, err := corefile.ReadConfigMap(c.KubeDNS)
		if err != nil {
			wrong = append(wrong, err)
		}
		o.StubDomains, o.UpstreamServers = stubs, servers
	}
	conf, errs := corefile.Check(c.Corefile, o)
	wrong = append(wrong, errs...)
	if conf != nil && len(wrong) == 0 {
		wrong = append(wrong, c.checkBlocks(conf)...)
	}
	part(w, "Refused", wrong)
	if conf != nil {
		part(w, "Accepted, but perhaps not as it is meant", conf.Notes)
		part(w, "Different from CoreDNS "+stockVersion, grouped(conf.Differences))
	}
	if len(wrong) > 0 {
		return errRefused
	}
	fmt.Fprintln(w, "It starts.")
	return nil
}

// checkBlocks returns an error if no block listens where Pods ask. It does not look at blocks that
// name interfaces: those may be another host's.
func (c *Config) checkBlocks(conf *corefile.Config) []error {
	var listened []netip.AddrPort
	for _, b := range conf.Blocks {
		if slices.ContainsFunc(b.Binds, func(b corefile.Bind) bool { return b.Interface != "" }) {
			return nil
		}
		for _, key := range b.Keys {
			addrs, err := listenAddrs(b.Binds, key.Port)
			if err != nil {
				return []error{err}
			}
			listened = append(listened, addrs...)
		}
	}
	if err := at(c.Corefile, c.Host.CheckListening(listened)); err != nil {
		return []error{err}
	}
	return nil
}

// stockVersion is the CoreDNS that we are compared with.
const stockVersion = "1.15.0"

// part writes a list under a heading, if there is anything in it.
func part[T any](w io.Writer, heading string, list []T) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", heading)
	for _, line := range list {
		fmt.Fprintf(w, "  %v\n", line)
	}
}

// grouped returns each text once, with all places that it is about.
func grouped(notes []corefile.Note) (lines []string) {
	index := map[string]int{}
	for _, n := range notes {
		i, known := index[n.Text]
		if !known {
			i, index[n.Text] = len(lines), len(lines)
			lines = append(lines, n.Text+", at")
		}
		lines[i] += " " + n.Pos.String()
	}
	return lines
}
