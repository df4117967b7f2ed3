package resolve

import "github.com/neardns/neardns/internal/wire"

// The extended errors of our own (RFC 8914). Those of upstream are passed on, and kept with its answers.
// docs/debug.md tells what to do about each.
var (
	whyNoBlock    = because(wire.OtherError, "no server block is for this name")
	whyNoClass    = because(wire.NotSupported, "only class IN is answered")
	whyNoTransfer = because(wire.NotSupported, "no zone transfers here")
	whyNoType     = because(wire.NotSupported, "no answer to queries of this type")
	whyIPv4Only   = because(wire.OtherError, "no AAAA records here (family ipv4)")
	whyNoHost     = because(wire.OtherError, "the hosts file has no such name")
	whyInvalid    = because(wire.OtherError, "no name below invalid exists (RFC 6761)")
	whyNoForward  = because(wire.NotReady, "no upstream for this name")
	whyLeaving    = because(wire.NotReady, "shutting down")
	whyBusy       = because(wire.OtherError, "too many queries under way")
	whyMalformed  = because(wire.InvalidData, "upstream sent a malformed answer")
	whyServFail   = because(wire.OtherError, "upstream answered SERVFAIL")
	whyFailed     = because(wire.CachedError, "upstream failed a moment ago")
	whyCut        = because(wire.Synthesized, "a name above this one does not exist")
)

// because returns the extended error that gives the reason for a reply.
func because(code wire.ErrorCode, text string) wire.Error {
	return wire.Error{Set: true, Code: code, Text: []byte(text)}
}

// noAnswer returns the reason for a reply that f's servers did not answer. It appends the text to buf.
func noAnswer(buf []byte, f *Forward) wire.Error {
	text := append(append(buf, "no answer from "...), f.Upstream.Names()...)
	return wire.Error{Set: true, Code: wire.NoReachableAuthority, Text: text} // RFC 8914, section 4.23
}

// ofFailure returns the reason for a failure from the cache, which was kept with why. What upstream gave as
// its own reason still says more than that it comes from the cache (RFC 8914, section 4.14).
func ofFailure(rcode wire.Rcode, why wire.Error) wire.Error {
	switch {
	case rcode != wire.ServFail:
	case !why.Set:
		return whyFailed
	case why.Code == wire.NoReachableAuthority || why.Code == wire.InvalidData:
		why.Code = wire.CachedError
	}
	return why
}

// ofStale returns the reason for a reply from an answer that has expired, which was kept with why. F is
// asked for the name. The text is appended to buf.
func ofStale(buf []byte, f *Forward, rcode wire.Rcode, why wire.Error) wire.Error {
	text := append(buf, why.Text...)
	if len(text) > 0 {
		text = append(text, "; "...)
	}
	if f != nil && f.Upstream.Out() {
		text = noAnswer(text, f).Text
	} else {
		text = append(text, "the answer has expired"...)
	}
	code := wire.StaleAnswer // RFC 8914, sections 4.4 and 4.20
	if rcode == wire.NXDomain {
		code = wire.StaleNXDomain
	}
	return wire.Error{Set: true, Code: code, Text: text}
}
