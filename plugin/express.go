package kubernetes

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/neardns/neardns/plugin/lane"
	"github.com/neardns/neardns/plugin/reply"
)

// express is what the express lane is for one kubernetes block. The lane answers queries before
// CoreDNS sees them, so it is on only where no plugin has to see them.
type express struct {
	zones []zoneKey // of the server block
	off   []string  // why it is off; empty if it is on
	other []zoneKey // of zones, for which it is off anyway: another block has them, too

	udpSize              int // bytes, the most that a reply over UDP may have
	rotate, nsid, cached bool
}

// judge says what the lane is for the i-th of all server blocks, whose kubernetes block is conf.
func judge(blocks []serverBlock, i int, conf *config) express {
	b := &blocks[i]
	e := express{zones: b.keys, udpSize: b.udpSize(), rotate: b.has("loadbalance"), nsid: b.has("nsid"), cached: b.has("cache")}
	switch {
	case runtime.GOOS != "linux":
		e.off = append(e.off, "it needs Linux")
	case conf.expressOff:
		e.off = append(e.off, "`express off` says so")
	case len(b.keys) == 0:
		e.off = append(e.off, "it is for plain DNS")
	default:
		for j := range blocks {
			e.off = append(e.off, blocks[j].objections(b, conf)...)
		}
	}
	for j := range blocks {
		if j != i {
			e.other = append(e.other, b.both(&blocks[j])...)
		}
	}
	if len(e.off) == 0 && len(e.other) >= len(e.zones) {
		e.off = append(e.off, "another block has the same zones")
	}
	return e
}

// objections returns what of b's plugins switches the lane off for a server block, and why. The
// block's kubernetes block is conf.
func (b *serverBlock) objections(of *serverBlock, conf *config) (why []string) {
	for _, name := range dnsserver.Directives {
		tokens, there := b.tokens[name]
		if !there {
			continue
		}
		r, known := rules[name]
		if !known {
			r = rule{inBlock, nil, "is a plugin that this program does not know"}
		}
		var reaches bool
		switch r.reach {
		case inChain:
			reaches = b == of && beforeUs(name)
		case inBlock:
			reaches = b == of
		case atListener:
			reaches = b.meets(of)
		case anywhere:
			reaches = true
		}
		if reaches && (r.off == nil || r.off(&use{readLines(tokens), conf})) {
			why = append(why, name+" "+r.why)
		}
	}
	return why
}

// has reports whether our answers pass a plugin of the block.
func (b *serverBlock) has(name string) bool { return len(b.tokens[name]) > 0 && beforeUs(name) }

// udpSize is how many bytes the block sends over UDP at most: what bufsize says, or our default.
func (b *serverBlock) udpSize() int {
	lines := readLines(b.tokens["bufsize"])
	switch {
	case len(lines) == 0:
		return defaultUDPSize
	case !beforeUs("bufsize"):
		return math.MaxUint16
	case len(lines[0].args) == 0:
		return defaultUDPSize // it is bufsize's default, too
	}
	n, _ := strconv.Atoi(lines[0].args[0]) // it is a number, or the server does not start
	return n
}

// block returns the lane's block for a responder.
func (e *express) block(r *reply.Responder) *lane.Block {
	return &lane.Block{Responder: r, UDPSize: e.udpSize, Rotate: e.rotate, NSID: e.nsid, Cached: e.cached}
}

// String says whether the lane is on, and why not.
func (e *express) String() string {
	switch {
	case len(e.off) > 0:
		return fmt.Sprintf("express is off for %s, because %s: each answer takes the CPU time of CoreDNS's whole way",
			names(e.zones), strings.Join(e.off, ", and "))
	case len(e.other) > 0:
		return fmt.Sprintf("express is on for %s, but not for %s, which another block has, too", names(e.zones), names(e.other))
	}
	return fmt.Sprintf("express is on for %s", names(e.zones))
}
