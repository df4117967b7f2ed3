package corefile

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

// ReadHosts reads a hosts file. As in CoreDNS, lines and names that are wrong are passed over.
func ReadHosts(path string) ([]Host, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var hosts []Host
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		h, err := parseHost(strings.Fields(line))
		if (err == nil || h.Addr.IsValid()) && len(h.Names) > 0 {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}

// parseHost reads ADDRESS NAME... With an error it returns the names that are good.
func parseHost(words []string) (h Host, err error) {
	if len(words) == 0 {
		return h, errors.New("an empty line")
	}
	addr, err := netip.ParseAddr(words[0])
	if err != nil {
		return h, err
	}
	h.Addr = addr.Unmap().WithZone("")
	for _, w := range words[1:] {
		n, nameErr := wire.ParseName(w)
		if nameErr != nil {
			err = nameErr
			continue
		}
		h.Names = append(h.Names, n.AppendLower(nil))
	}
	return h, err
}
