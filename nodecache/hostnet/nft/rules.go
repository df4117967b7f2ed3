package nft

import (
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Rules says what the rules of a Table are about.
type Rules struct {
	Addrs      []netip.Addr  // at which we answer
	Port       uint16        // of DNS over UDP and TCP
	HealthPort uint16        // of HTTP over TCP; none if 0
	Mark       uint32        // of packets that this process sends to Addrs itself (SO_MARK, socket(7))
	Lifetime   time.Duration // how long Take lasts

	// AnswerOutside lets queries of other machines through to us, see Table.SetOutside.
	AnswerOutside bool
}

// rule is the expressions of a rule. The kernel goes from one to the next until one doesn't match, so
// those come first that match few packets.
type rule []expr.Any

// join makes one rule of parts.
func join(parts ...rule) rule { return slices.Concat(parts...) }

// track returns the rules that keep packets out of connection tracking. They are in prerouting and
// in output: a Pod's query passes prerouting and its answer output, and of the host's own query both
// pass output.
//
// A connection over TCP ends where it began: with us, or with a server that kube-proxy chose. If
// interception began or ended in the middle of a connection, its next packet would reach a server
// that doesn't know the connection. So while an address is not taken, the senders of connections to
// it are noted, and these connections pass by us until passTime after their last packet. All other
// connections are ours, whether the address is taken or not. Until an address is taken for the first
// time, no connection there is ours, so any packet notes its sender; later only a first packet does.
// Connections that another process keeps out of connection tracking are never noted.
func (r *Rules) track(f family) []rule {
	to, from := f.to(unix.IPPROTO_TCP, r.Port), f.from(unix.IPPROTO_TCP, r.Port)
	pass := join(unseen(), f.origin(), rule{note(f.pass), accept()})
	rules := []rule{
		// Queries of this process itself.
		join(marked(r.Mark), f.is(), f.destinationIn(f.own), rule{notrack()}),
		// Connections that are not ours: noted, before the first Take, and while nothing is taken.
		join(to, f.origin(), rule{in(f.pass), note(f.pass), accept()}),
		join(to, f.destinationIn(f.own), rule{notIn(f.begun)}, pass),
		join(to, first(), f.destinationIn(f.own), rule{notIn(f.take)}, pass),
		// Connections that are ours.
		join(to, f.destinationIn(f.begun), rule{notrack()}),
		join(from, f.sourceIn(f.own), rule{notrack()}),
		// Queries over UDP and their answers, and the health port.
		join(f.to(unix.IPPROTO_UDP, r.Port), f.destinationIn(f.take), rule{notrack()}),
	}
	if r.HealthPort != 0 {
		rules = append(rules, join(f.to(unix.IPPROTO_TCP, r.HealthPort), f.destinationIn(f.take), rule{notrack()}))
	}
	rules = append(rules, join(f.from(unix.IPPROTO_UDP, r.Port), f.sourceIn(f.own), rule{notrack()}))
	if r.HealthPort != 0 {
		rules = append(rules, join(f.from(unix.IPPROTO_TCP, r.HealthPort), f.sourceIn(f.own), rule{notrack()}))
	}
	return rules
}

// guard returns the rules for probes. Probes come in by our TUN and are never tracked, so they reach
// the sockets of this node before anything is intercepted. Their answers leave by the TUN. Whoever
// else sends from the addresses of probes, or to them, wants to make a probe fail.
func (r *Rules) guard() []rule {
	rules := []rule{{meta(expr.MetaKeyIIF), in(probes()), notrack(), accept()}}
	for _, f := range r.families() {
		rules = append(rules,
			join(f.is(), f.sourceIn(f.probe), rule{drop()}),
			join(f.is(), f.destinationIn(f.probe), rule{drop()}))
	}
	return rules
}

// bypass is the rule that lets packets of other machines pass prerouting as if we were not here.
func bypass() rule { return join(fromOutside(), rule{accept()}) }

// fromOutside matches packets that come in by a device that leads to other machines.
func fromOutside() rule { return rule{meta(expr.MetaKeyIIF), in(outside())} }

// refuse returns the rules that drop queries of other machines in front of our sockets.
func (r *Rules) refuse(f family) (rules []rule) {
	for _, protocol := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
		rules = append(rules, join(fromOutside(), f.to(protocol, r.Port), f.destinationIn(f.own), rule{drop()}))
	}
	return rules
}

func (r *Rules) families() []family { return families(r.Addrs, r.Lifetime) }

// to matches a protocol and the port that a packet goes to, at its place in RFC 768 and RFC 9293.
func (f family) to(protocol byte, port uint16) rule {
	return join(protocolIs(protocol), rule{transport(2, 2), equalPort(port)}, f.is())
}

// from matches a protocol and the port that a packet comes from.
func (f family) from(protocol byte, port uint16) rule {
	return join(protocolIs(protocol), rule{transport(0, 2), equalPort(port)}, f.is())
}

func protocolIs(protocol byte) rule { return rule{meta(expr.MetaKeyL4PROTO), equal(protocol)} }

// is matches packets of the family.
func (f family) is() rule { return rule{meta(expr.MetaKeyNFPROTO), equal(f.protocol)} }

// destinationIn matches packets to an address in a set, and leaves that address in the register.
func (f family) destinationIn(s set) rule { return rule{network(f.destination, f.size), in(s)} }

// sourceIn matches packets from an address in a set.
func (f family) sourceIn(s set) rule { return rule{network(f.source, f.size), in(s)} }

// origin loads a key of the set pass: the source address, and behind it the source port.
func (f family) origin() rule {
	return rule{network(f.source, f.size), transportInto(f.portRegister, 0, 2)}
}

// marked matches packets with a mark.
func marked(mark uint32) rule { return rule{meta(expr.MetaKeyMARK), equalHost(mark)} }

// first matches the first packet of a TCP connection: SYN without ACK, RFC 9293, section 3.1.
func first() rule {
	const flags, syn, ack = 13, 0x02, 0x10
	return rule{transport(flags, 1), and(syn | ack), equal(syn)}
}

// unseen matches packets that connection tracking has not seen: they have the state
// NF_CT_STATE_INVALID_BIT of linux/netfilter/nf_conntrack_common.h.
func unseen() rule { return rule{state(), equalHost(expr.CtStateBitINVALID)} }
