package corefile

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// Hosts are names and addresses of a file like hosts(5) and of the Corefile.
type Hosts struct {
	File   string      // see ReadHosts; it may not be there
	Zones  []wire.Name // names below these are answered
	Inline []Host      // what the Corefile has; it and the file's together are one set

	TTL       uint32        // in seconds
	Reload    time.Duration // how often the file is looked at, 0 for never
	NoReverse bool          // no PTR

	// Names below Fallthrough that are not there are asked upstream; others don't exist.
	// With FallthroughUnsupported, so are types other than A and AAAA of names that are.
	Fallthrough            []wire.Name
	FallthroughUnsupported bool
}

// Host is a line of a hosts file: an address, and names in lower case. A name that begins
// with * is for all names of one label more, unless they have a line of their own; it has no PTR.
type Host struct {
	Addr  netip.Addr
	Names []wire.Name
}

// Defaults of CoreDNS 1.15.0.
const (
	hostsFile   = "/etc/hosts"
	hostsTTL    = 3600
	hostsReload = 5 * time.Second
	maxHostsTTL = 65535
)

// hosts reads [FILE [ZONES...]] { options and lines }.
func (d *directive) hosts() error {
	h := &Hosts{File: hostsFile, TTL: hostsTTL, Reload: hostsReload}
	args, err := d.args(0, -1, "")
	if err != nil {
		return err
	}
	if len(args) > 0 {
		h.File, args = args[0], args[1:]
	}
	if h.Zones, err = d.zones(args); err != nil {
		return err
	}
	d.checkHostsFile(h.File)
	d.conf.addFile(h.File)
	d.block.Hosts = h
	if err := d.options(func() error { return d.hostsOption(h) }); err != nil {
		return err
	}
	if h.FallthroughUnsupported && len(h.Fallthrough) == 0 {
		return d.errorf("fallthrough_unsupported without fallthrough, expected both")
	}
	return nil
}

// checkHostsFile notes a file that cannot be read now: it may come.
func (d *directive) checkHostsFile(path string) {
	_, err := readFile(path)
	if err == nil || path == hostsFile && errors.Is(err, fs.ErrNotExist) {
		return
	}
	d.conf.Notes = append(d.conf.Notes, Note{d.pos(), "hosts: " + err.Error()})
}

func (d *directive) hostsOption(h *Hosts) (err error) {
	switch d.option {
	case "ttl":
		ttl := 0
		err = d.oneNumber(&ttl, 1, maxHostsTTL, "SECONDS")
		h.TTL = uint32(ttl)
		return err
	case "reload":
		return d.oneDuration(&h.Reload, 0)
	case "no_reverse":
		return d.flag(&h.NoReverse)
	case "fallthrough":
		return d.fallthroughTo(h)
	case "fallthrough_unsupported":
		return d.flag(&h.FallthroughUnsupported)
	}
	return d.inlineHost(h)
}

func (d *directive) fallthroughTo(h *Hosts) error {
	args, err := d.args(0, -1, "")
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	h.Fallthrough, err = d.zones(args)
	return err
}

// inlineHost reads a line of a hosts file. Names outside the zones are left out.
func (d *directive) inlineHost(h *Hosts) error {
	first := d.option
	args, err := d.args(0, -1, "")
	if err != nil {
		return err
	}
	d.option = ""
	host, err := parseHost(append([]string{first}, args...))
	switch {
	case !host.Addr.IsValid():
		return d.errorf("%q, expected ADDRESS NAME..., ttl, reload, no_reverse, fallthrough or fallthrough_unsupported", first)
	case err != nil:
		return d.errorf("%v", err)
	case len(host.Names) == 0:
		return d.errorf("%s without a name, expected ADDRESS NAME...", first)
	case len(h.Fallthrough) > 0:
		return d.errorf("%s after fallthrough, expected it before", first)
	}
	host.Names = slices.DeleteFunc(host.Names, func(n wire.Name) bool {
		outside := !slices.ContainsFunc(h.Zones, n.Below)
		if outside {
			d.note(n.String() + " is below none of its zones")
		}
		return outside
	})
	if len(host.Names) > 0 {
		h.Inline = append(h.Inline, host)
	}
	return nil
}
