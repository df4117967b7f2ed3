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

// Lifetime is how long interception lasts without being renewed, and in the fallback also an
// address: short against the 5 s after which a resolver asks again, resolv.conf(5), and
// three times the second that lies between two renewals.
const Lifetime = 3 * time.Second

// Config says what the node should have.
type Config struct {
	Addrs      []netip.Addr // to answer on, IPv4 and IPv6
	Port       uint16       // of DNS over UDP and TCP; 53 if 0
	HealthPort uint16       // of HTTP over TCP, kept out of connection tracking too; none if 0
	Prefix     string       // of the device's name, to which the kernel adds a number; "neardns" if empty
	Interface  bool         // a device that holds the addresses; without it they are there already
	Rules      bool         // the table of rules
	Log        *slog.Logger // what is put back

	// AnswerOutside has queries from other machines answered too, see outside.go. It makes a
	// difference with Rules only.
	AnswerOutside bool

	dummy     string // the kind of device that stands in for a TUN; tests have kernels without "dummy"
	ownerless bool   // tests act as if the kernel knew no owners
}

// prefixMost is the longest Prefix: IFNAMSIZ leaves room for 15 octets.
const prefixMost = 12

// complete returns c with defaults, or why it can't be.
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
		return c, &Error{fmt.Sprintf("interface name %q", c.Prefix),
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
		return c, &Error{"addresses", errors.New("none is given"), "give at least one with -localip"}
	}
	return c, nil
}

// notInName reports whether r has no place in the name of a device here. The kernel allows
// more, but '%' makes a pattern of a name, and no tool likes the rest.
func notInName(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
}

// family returns those of addrs that are IPv4, or IPv6.
func family(addrs []netip.Addr, is4 bool) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return a.Is4() != is4 })
}
