package wire

import "strconv"

// Sizes, in bytes.
const (
	HeaderLen  = 12    // RFC 1035, section 4.1.1
	MaxName    = 255   // a name with its lengths and the root's 0 (RFC 1035, section 2.3.4)
	MaxMessage = 65535 // the largest length that can stand before a TCP message (RFC 1035, section 4.2.2)
	MinUDPSize = 512   // every client takes this much over UDP (RFC 1035, section 4.2.1)

	// UDPSize is the size that we advertise as our own. IPv6 guarantees an MTU of 1280, and
	// a message of this size fits it without fragments.
	UDPSize = 1232

	maxLabel = 63 // RFC 1035, section 2.3.4
)

// Flags is the header's second word: bits of its own, the opcode and the lower bits of the
// response code (RFC 1035, section 4.1.1).
type Flags uint16

// The bits (RFC 1035, section 4.1.1; AD and CD: RFC 4035, sections 3.2.3 and 3.2.2).
const (
	QR Flags = 1 << 15 // this is a response
	AA Flags = 1 << 10 // authoritative answer
	TC Flags = 1 << 9  // truncated
	RD Flags = 1 << 8  // recursion desired
	RA Flags = 1 << 7  // recursion available
	Z  Flags = 1 << 6  // reserved, zero in all messages
	AD Flags = 1 << 5  // authentic data
	CD Flags = 1 << 4  // checking disabled

	opcodeBits  Flags = 0xF << opcodeShift
	opcodeShift       = 11
	rcodeBits   Flags = 0xF
)

// Where the header's counts stand.
const (
	questionCount   = 4
	answerCount     = 6
	additionalCount = 10
)

// Opcode is the kind of a query (RFC 1035, section 4.1.1).
type Opcode uint8

// OpcodeQuery is the only opcode that we answer.
const OpcodeQuery Opcode = 0

// Rcode is a response code with all its 12 bits (RFC 6891, section 6.1.3).
type Rcode uint16

// Response codes (RFC 1035, section 4.1.1; RFC 6891, section 9; RFC 7873, section 8).
const (
	NoError   Rcode = 0
	FormError Rcode = 1
	ServFail  Rcode = 2
	NXDomain  Rcode = 3
	NotImpl   Rcode = 4
	Refused   Rcode = 5
	BadVer    Rcode = 16
	BadCookie Rcode = 23
)

// String returns the response code as dashboards know it.
func (r Rcode) String() string {
	switch r {
	case NoError:
		return "NOERROR"
	case FormError:
		return "FORMERR"
	case ServFail:
		return "SERVFAIL"
	case NXDomain:
		return "NXDOMAIN"
	case NotImpl:
		return "NOTIMP"
	case Refused:
		return "REFUSED"
	case BadVer:
		return "BADVERS"
	case BadCookie:
		return "BADCOOKIE"
	}
	return "RCODE" + strconv.Itoa(int(r))
}

// Class is the class of a question or a record (RFC 1035, section 3.2.4).
type Class uint16

// Classes. anyClass stands in questions only (RFC 1035, section 3.2.5).
const (
	IN       Class = 1
	CH       Class = 3
	anyClass Class = 255
)

// String returns the class's mnemonic, or CLASS and its number (RFC 3597, section 5). The
// class ANY is CLASS255, because ANY is the name of a type too.
func (c Class) String() string {
	switch c {
	case IN:
		return "IN"
	case CH:
		return "CH"
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// Options of the OPT record.
const (
	optionNSID      uint16 = 3  // RFC 5001, section 2.3
	optionCookie    uint16 = 10 // RFC 7873, section 4
	OptionKeepalive uint16 = 11 // RFC 7828, section 3.1
	optionError     uint16 = 15 // RFC 8914, section 2
)

// ErrorCode is the INFO-CODE of an extended error (RFC 8914, section 4).
type ErrorCode uint16

// The extended errors that we send.
const (
	OtherError           ErrorCode = 0
	StaleAnswer          ErrorCode = 3
	CachedError          ErrorCode = 13
	NotReady             ErrorCode = 14
	StaleNXDomain        ErrorCode = 19
	NotSupported         ErrorCode = 21
	NoReachableAuthority ErrorCode = 22
	InvalidData          ErrorCode = 24
	Synthesized          ErrorCode = 29 // in IANA's registry, as RFC 8914 ends with 24
)
