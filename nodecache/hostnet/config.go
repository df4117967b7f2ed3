package hostnet

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Renewal is the time between two calls of Host.Intercept. A Host renews the addresses of a dummy
// device as often, and repeats a repair that has failed.
const Renewal = time.Second

// lifetime is how long interception lasts without a renewal, and an address of a dummy device. It
// has room for two renewals that fail, and is shorter than the 5 s after which a resolver asks
// again, resolv.conf(5).
const lifetime = 3 * Renewal

// Config says what the node should have.
type Config struct {
	Addrs      []netip.Addr // to answer at, IPv4 and IPv6
	Port       uint16       // of DNS over UDP and TCP; 53 if 0
	HealthPort uint16       // of HTTP over TCP, kept out of connection tracking too; none if 0
	Prefix     string       // of the device's name, to which the kernel adds a number; "neardns" if empty
	Interface  bool         // make a device that holds the addresses; otherwise they must be there already
	Rules      bool         // make the table of rules
	Log        *slog.Logger // of changes that others make on the node, and of faults

	// With AnswerOutside, queries of other machines are answered too. It makes a difference with
	// Rules only. What comes in by the device of a default route was sent by another machine, and
	// a node cache is for the pods of its node. If it answered others, it would be a reflector: a
	// small query with a victim's address sends the victim a long answer. So a query of another
	// machine goes where it would go without us. If it still arrives at our sockets, because
	// kube-proxy doesn't know the address, it is dropped.
	//
	// Pods on ipvlan devices of the node's network come in by that device, like other machines:
	// they need AnswerOutside.
	AnswerOutside bool

	dummy     string // the kind of device that replaces a TUN; tests run on kernels without "dummy"
	ownerless bool   // tests act as if the kernel knew no owners of tables
}

// prefixMost is the length of the longest Prefix: IFNAMSIZ allows 15 bytes with the number.
const prefixMost = 12

// complete returns c with its defaults, or what is wrong with c.
func (c Config) complete() (Config, error) {
	if c.Port == 0 {
		c.Port = 53
	}
	if c.Prefix == "" {
		c.Prefix = "neardns"
	}
	if c.dummy == "" {
		c.dummy = "dummy"
	}
	if len(c.Prefix) > prefixMost || strings.ContainsFunc(c.Prefix, notInName) {
		return c, &fault{fmt.Sprintf("interface name %q", c.Prefix),
			errors.New("not a name that the kernel can number"),
			fmt.Sprintf("give at most %d letters, digits, dashes or underscores", prefixMost)}
	}
	c.Addrs = slices.Clone(c.Addrs)
	slices.SortFunc(c.Addrs, netip.Addr.Compare)
	c.Addrs = slices.Compact(c.Addrs)
	for _, a := range c.Addrs {
		if err := checkAddr(a); err != nil {
			return c, err
		}
	}
	if len(c.Addrs) == 0 {
		return c, &fault{"addresses", errors.New("none is given"), "give at least one with -localip"}
	}
	return c, nil
}

// notInName reports whether we refuse r in the name of a device. The kernel allows more, but '%'
// makes a name a pattern, and other characters confuse tools.
func notInName(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
}
