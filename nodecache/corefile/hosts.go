package corefile

import (
	"os"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/hosts"
)

// Hosts are names and addresses of a file like hosts(5) and of the Corefile.
type Hosts struct {
	File   string      // whoever opens it reports if it is not there
	Zones  []wire.Name // names below these are answered
	Inline string      // lines that the Corefile has, as of a hosts file, without a fault

	TTL       uint32        // in seconds
	Reload    time.Duration // how often the file is looked at, 0 for never
	NoReverse bool          // no PTR

	// Names below Fallthrough that are not there are asked upstream; others don't exist.
	// With FallthroughUnsupported, so are types other than A and AAAA of names that are.
	Fallthrough            []wire.Name
	FallthroughUnsupported bool
}

// maxHostsTTL is the longest TTL that CoreDNS 1.15.0 takes, in seconds.
const maxHostsTTL = 65535

// hosts reads [FILE [ZONES...]] { options and lines }.
func (d *directive) hosts() error {
	h := &Hosts{File: hosts.DefaultPath, TTL: hosts.DefaultTTL, Reload: hosts.DefaultReload}
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
	if _, err := os.Stat(h.File); err != nil {
		d.remark(err.Error() + "; its names are answered once it is there")
	}
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

// inlineHost reads a line of a hosts file.
func (d *directive) inlineHost(h *Hosts) error {
	addr := d.option
	names, err := d.args(0, -1, "")
	if err != nil {
		return err
	}
	d.option = ""
	line := addr + " " + strings.Join(names, " ") + "\n"
	table, faults := hosts.Parse("", []byte(line), hosts.Options{})
	switch {
	case !isHost(addr):
		return d.errorf("%q, expected ADDRESS NAME..., ttl, reload, no_reverse, fallthrough or fallthrough_unsupported", addr)
	case len(faults) > 0:
		return d.errorf("%q, expected a domain name: labels of 1 to 63 bytes, 255 in all", faults[0].Text)
	case table.Entries() == 0:
		return d.errorf("%s without a name, expected ADDRESS NAME...", addr)
	case len(h.Fallthrough) > 0:
		return d.errorf("%s after fallthrough, expected it before", addr)
	}
	h.Inline += line
	d.checkInside(h, addr, names)
	return nil
}

// isHost reports whether a line may begin so.
func isHost(addr string) bool {
	table, _ := hosts.Parse("", []byte(addr+" name"), hosts.Options{})
	return table.Entries() > 0
}

// checkInside notes names below none of the zones: they are left out of the answers.
func (d *directive) checkInside(h *Hosts, addr string, names []string) {
	for _, n := range names {
		if strings.Contains(n, "*") {
			d.remark(n + " is this one name, and none that * could stand for")
		}
		table, _ := hosts.Parse("", []byte(addr+" "+n), hosts.Options{Zones: h.Zones})
		if table.Entries() == 0 {
			d.remark(n + " is below none of its zones")
		}
	}
}
