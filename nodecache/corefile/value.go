package corefile

import (
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neardns/neardns/internal/wire"
)

// maxTTL is the longest TTL there is, in seconds (RFC 2181, section 8).
const maxTTL = math.MaxInt32

// number reads a whole number within bounds.
func (d *directive) number(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, d.errorf("%q, expected a whole number from %d to %d", text, least, most)
	}
	return n, nil
}

// duration reads a duration of at least a length.
func (d *directive) duration(text string, least time.Duration) (time.Duration, error) {
	v, err := time.ParseDuration(text)
	if err != nil {
		return 0, d.errorf("%q, expected a duration such as 500ms, 30s or 1h", text)
	}
	switch {
	case v < least && least == 1:
		return 0, d.errorf("%s, expected a duration above 0s", text)
	case v < least:
		return 0, d.errorf("%s, expected a duration of at least %s", text, least)
	}
	return v, nil
}

// oneDuration reads an option whose one argument is a duration.
func (d *directive) oneDuration(to *time.Duration, least time.Duration) error {
	args, err := d.args(1, 1, d.option+" DURATION")
	if err == nil {
		*to, err = d.duration(args[0], least)
	}
	return err
}

// oneNumber reads an option whose one argument is a whole number.
func (d *directive) oneNumber(to *int, least, most int, what string) error {
	args, err := d.args(1, 1, d.option+" "+what)
	if err == nil {
		*to, err = d.number(args[0], least, most)
	}
	return err
}

// listenAddr reads what a server of HTTP listens on: [HOST]:PORT.
func (d *directive) listenAddr(text string) (string, error) {
	if !IsListenAddr(text) {
		return "", d.errorf("%q, expected an address such as :8080 or 127.0.0.1:8080", text)
	}
	return text, nil
}

// IsListenAddr reports whether text is what a server of HTTP may listen on: a port behind a
// colon, with an address of this host or its name before it or not.
func IsListenAddr(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	labels := strings.Split(host, ".")
	_, noAddr := netip.ParseAddr(host)
	return err == nil && (noAddr == nil || !isNumber(labels[len(labels)-1]))
}

// zones reads names of zones, networks among them. None given are those of the block.
func (d *directive) zones(words []string) ([]wire.Name, error) {
	if len(words) == 0 {
		return d.block.Zones(), nil
	}
	var all []wire.Name
	for _, w := range words {
		if !isZone(w) {
			return nil, d.errorf("%q, expected a zone such as example.com or a network such as 10.0.0.0/8, or nothing for the block's zones", w)
		}
		zones, err := parseZone(w)
		if err != nil {
			return nil, d.errorf("%v", err)
		}
		all = append(all, zones...)
		if len(d.block.Keys) > 0 && !slices.ContainsFunc(zones, d.block.hasPartOf) { // without, its zones are at fault
			d.remark("no name of the block is below " + w)
		}
	}
	return all, nil
}

// isZone reports whether a word may stand for a zone, and not for the value of something else.
func isZone(word string) bool {
	_, err := strconv.ParseFloat(word, 64) // which takes inf and 1e5 too
	number := err == nil && strings.Trim(word, "0123456789.") == ""
	return !number && !isDuration(word) && !slices.Contains(strings.Fields(noZones), strings.ToLower(word))
}

// noZones are words that stand where zones are expected, but are the value of something else.
// "no" is not among them: it is Norway's.
const noZones = "on off yes true false stdout stderr success denial error all"

// hasPartOf reports whether the block serves a name of zone.
func (b *Block) hasPartOf(zone wire.Name) bool {
	return slices.ContainsFunc(b.Keys, func(k Key) bool { return k.Zone.Below(zone) || zone.Below(k.Zone) })
}

// addr reads an IP address.
func (d *directive) addr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return a, d.errorf("%q, expected an IP address", text)
	}
	return a.Unmap(), nil
}
