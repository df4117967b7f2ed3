package wire

// Sizes, in bytes.
const (
	HeaderLen  = 12    // RFC 1035, section 4.1.1
	MaxName    = 255   // a name with its lengths and the root's 0 (RFC 1035, section 2.3.4)
	MaxLabel   = 63    // RFC 1035, section 2.3.4
	MaxMessage = 65535 // what the length before a TCP message can say (RFC 1035, section 4.2.2)
	MinUDPSize = 512   // what every asker takes over UDP (RFC 1035, section 4.2.1)

	// UDPSize is the size that we advertise as our own: it stays unfragmented on any path
	// with the smallest MTU that IPv6 allows, 1280.
	UDPSize = 1232
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

// Places of the header's counts.
const (
	questionCount   = 4
	answerCount     = 6
	additionalCount = 10
)

// Opcode is the kind of a query (RFC 1035, section 4.1.1).
type Opcode uint8

// OpcodeQuery is the one opcode that is answered here.
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

// Class is the class of a question or a record (RFC 1035, section 3.2.4).
type Class uint16

// Classes. A question may ask for AnyClass (RFC 1035, section 3.2.5).
const (
	IN       Class = 1
	CH       Class = 3
	AnyClass Class = 255
)

// Type is the type of a question or a record.
type Type uint16

// Types that some part of this module treats apart, and those that metrics name.
const (
	A        Type = 1
	NS       Type = 2
	MD       Type = 3
	MF       Type = 4
	CNAME    Type = 5
	SOA      Type = 6
	MB       Type = 7
	MG       Type = 8
	MR       Type = 9
	PTR      Type = 12
	HINFO    Type = 13
	MINFO    Type = 14
	MX       Type = 15
	TXT      Type = 16
	RP       Type = 17
	AFSDB    Type = 18
	RT       Type = 21
	NSAPPTR  Type = 23
	SIG      Type = 24
	PX       Type = 26
	AAAA     Type = 28
	NXT      Type = 30
	SRV      Type = 33
	NAPTR    Type = 35
	KX       Type = 36
	DNAME    Type = 39
	OPTRR    Type = 41
	DS       Type = 43
	IPSECKEY Type = 45
	RRSIG    Type = 46
	NSEC     Type = 47
	DNSKEY   Type = 48
	NSEC3    Type = 50
	HIP      Type = 55
	TALINK   Type = 58
	SVCB     Type = 64
	HTTPS    Type = 65
	LP       Type = 107
	TKEY     Type = 249
	TSIG     Type = 250
	IXFR     Type = 251
	AXFR     Type = 252
	MAILB    Type = 253
	MAILA    Type = 254
	ANY      Type = 255
	AMTRELAY Type = 260
)

// Meta reports whether t asks for, or is, something other than records of one type
// (RFC 6895, section 3.1), ANY aside: transfers, signatures of a message, OPT.
func (t Type) Meta() bool {
	return t == 0 || t == OPTRR || t >= TKEY && t <= MAILA
}

// Options of the OPT record.
const (
	OptionCookie    uint16 = 10 // RFC 7873, section 4
	OptionKeepalive uint16 = 11 // RFC 7828, section 3.1
	OptionError     uint16 = 15 // RFC 8914, section 2
)

// ErrorCode is the INFO-CODE of an extended error (RFC 8914, section 4).
type ErrorCode uint16

// Extended errors that a caching forwarder has reason to send.
const (
	StaleAnswer          ErrorCode = 3
	CachedError          ErrorCode = 13
	NotReady             ErrorCode = 14
	Prohibited           ErrorCode = 18
	StaleNXDomain        ErrorCode = 19
	NotSupported         ErrorCode = 21
	NoReachableAuthority ErrorCode = 22
	NetworkError         ErrorCode = 23
	InvalidData          ErrorCode = 24
)
