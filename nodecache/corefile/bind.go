package corefile

import (
	"net/netip"
	"slices"
	"strings"
)

// maxInterface is as long as an interface's name may be: IFNAMSIZ of linux/if.h, less the 0.
const maxInterface = 15

// bind reads ADDRESS|INTERFACE... { except ADDRESS|INTERFACE... }.
func (d *directive) bind() error {
	const usage = "bind ADDRESS|INTERFACE..."
	binds, err := d.binds(usage)
	if err != nil {
		return err
	}
	var except []Bind
	err = d.options(func() error {
		if d.option != "except" {
			return d.noOption("except")
		}
		except, err = d.binds("except ADDRESS|INTERFACE...")
		return err
	})
	for _, b := range binds {
		if !slices.ContainsFunc(except, b.is) && !slices.ContainsFunc(d.block.Binds, b.is) {
			b.Except = except
			d.block.Binds = append(d.block.Binds, b)
		}
	}
	if err == nil && len(d.block.Binds) == 0 {
		return d.errorf("nothing left to listen on, expected an address that is not in except")
	}
	return err
}

func (d *directive) binds(usage string) ([]Bind, error) {
	words, err := d.args(1, -1, usage)
	if err != nil {
		return nil, err
	}
	binds := make([]Bind, len(words))
	for i, w := range words {
		addr, err := netip.ParseAddr(w)
		binds[i] = Bind{Pos: Pos{d.File(), d.Line()}, Addr: addr.Unmap()}
		switch _, _, withPort := parseAddrPort(w, 53); {
		case err == nil && !addr.IsUnspecified() && !isUnicast(addr):
			return nil, d.errorf("%q is the address of no host, expected one of this host's", w)
		case err == nil && addr.Is6() && addr.IsLinkLocalUnicast() && addr.Zone() == "":
			return nil, d.errorf("%q, expected the interface too, as %s%%eth0", w, w)
		case err == nil:
			continue
		case w == "*":
			return nil, d.errorf("%q, expected no bind for all addresses", w)
		case withPort == nil:
			return nil, d.errorf("%q, expected an address alone: a port stands behind the block's zone", w)
		case !maybeInterface(w):
			return nil, d.errorf("%q, expected an IP address or the name of an interface%s", w, hint(w))
		}
		binds[i].Interface = w
	}
	return binds, nil
}

// maybeInterface reports whether the kernel could have an interface of that name
// (dev_valid_name of net/core/dev.c), and it does not look like an address gone wrong.
func maybeInterface(name string) bool {
	return name != "" && len(name) <= maxInterface && !strings.ContainsAny(name, "/: \t\r\n") &&
		strings.Trim(name, "0123456789.") != ""
}
