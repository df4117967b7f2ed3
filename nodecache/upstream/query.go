package upstream

import (
	"bytes"
	"net/netip"

	"github.com/neardns/neardns/internal/wire"
)

// ownQuery is a query that a Forward asks for itself.
type ownQuery struct {
	wire.Query
	msg []byte // with an ID of 0
}

// ownQueries are all of a Forward's own queries. Health checks ask check, version and bare.
type ownQueries struct {
	check   *ownQuery // for Config.CheckName
	version *ownQuery // the same in an unknown version of EDNS
	bare    *ownQuery // the same without an OPT record
	look    *ownQuery // for the addresses at Config.Name; nil if there is none
}

// newOwnQueries returns the queries that c calls for. look is for addresses of the same family as
// server.
func newOwnQueries(c *Config, server netip.Addr) (own ownQueries, err error) {
	if own.check, err = newQuery(c.CheckName, wire.NS, !c.CheckNoRecurse); err != nil {
		return own, err
	}
	own.version, own.bare = own.check.unknownVersion(), own.check.withoutOPT()
	if c.Name != "" {
		own.look, err = newQuery(c.Name, typeFor(server.Unmap()), true)
	}
	return own, err
}

// newQuery returns a query for a name and type, with an OPT record.
func newQuery(name string, t wire.Type, recurse bool) (*ownQuery, error) {
	n, err := wire.ParseName(name)
	if err != nil {
		return nil, err
	}
	q := wire.Query{RD: recurse, Name: n, Type: t, Class: wire.IN, EDNS: true}
	return &ownQuery{q, wire.AppendQuery(nil, &q, nil)}, nil
}

// withoutOPT returns q without the OPT record.
func (q *ownQuery) withoutOPT() *ownQuery {
	b := &ownQuery{q.Query, wire.Message(bytes.Clone(q.msg)).StripOPT()}
	b.EDNS = false
	return b
}

// unknownVersion returns q in a version of EDNS that does not exist. A server answers that with
// BADVERS (RFC 6891 section 6.1.3) and does not look at the question. So it answers even while the
// servers that it would have to ask for q are silent, and the query holds up no other query on a
// connection.
func (q *ownQuery) unknownVersion() *ownQuery {
	const version1 = 1 << 16
	u := q.withoutOPT()
	u.msg = wire.AppendRecord(u.msg, 0, wire.Additional, wire.Name{0}, wire.OPTRR, wire.Class(wire.UDPSize), version1, nil)
	u.EDNS = true
	return u
}

// typeFor returns the type of the records that hold addresses like addr.
func typeFor(addr netip.Addr) wire.Type {
	if addr.Is4() {
		return wire.A
	}
	return wire.AAAA
}
