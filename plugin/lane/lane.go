package lane

import (
	"time"

	"github.com/neardns/neardns/internal/cookie"
	"github.com/neardns/neardns/internal/listen"
	"github.com/neardns/neardns/internal/tally"
	"github.com/neardns/neardns/internal/wire"
)

// Lane answers the queries of one listener. Its fields don't change once it is used. Its methods are
// safe for concurrent use.
type Lane struct {
	Cookies *cookie.Maker
	Idle    time.Duration // after which the listener closes a TCP connection without a query
}

// Outcome is what became of a query.
type Outcome uint8

// The outcomes.
const (
	PassedOn Outcome = iota // CoreDNS has to answer it
	Answered                // from the records of a block
	Refused                 // malformed, of another version of EDNS, or without a question: answered with a code
	Dropped                 // not answered at all: it is no query
)

// Verdict says what became of a query. All but Outcome, Rcode and DO is of queries that are Answered.
type Verdict struct {
	Outcome Outcome
	Rcode   wire.Rcode // of the reply
	DO      bool       // the query has the DO bit
	Type    wire.Type  // of the question
	Block   *Block     // whose records these are
	Count   *tally.Zone

	// What is the same number for questions of which one comparison is enough: a name and a type
	// with records, or the denials of a type below one namespace.
	What uint64
}

// Answer appends the reply to msg, which came from c, to dst, and says what became of the query. It
// changes neither msg nor, unless it replies, dst.
func (l *Lane) Answer(t *Table, dst, msg []byte, c *listen.Client) ([]byte, Verdict) {
	return dst, Verdict{}
}
