package nft

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// skipComment marks the rules by which a node-local cache of kubernetes/dns keeps queries out of
// connection tracking, see cmd/node-cache/app there. When that cache is gone, they keep queries
// from kube-proxy. Its rules in the table filter have another comment. They accept queries, which
// does no harm, and helps where a firewall drops everything else; so they stay.
const skipComment = "NodeLocal DNS Cache: skip conntrack"

// foreignTable is the table that such rules are in.
const foreignTable = "raw"

// Foreign is rules that a node-local cache of kubernetes/dns has left.
type Foreign struct {
	Name   string // says how many rules, and of which tool
	delete func() error
}

// Delete deletes the rules, all or none. It is no error if they are gone. Rules of ip_tables can't
// be deleted: then the error has a method Remedy, which returns the commands that do it.
func (f Foreign) Delete() error { return f.delete() }

// FindForeign returns what rules about addrs a node-local cache of kubernetes/dns has left. With an
// error, it returns those that it could find.
func FindForeign(addrs []netip.Addr) (found []Foreign, err error) {
	n := 0
	err = withConn(func(c *Conn) error {
		rules, err := c.foreign(addrs)
		n = len(rules)
		return err
	})
	if err != nil {
		err = fmt.Errorf("rules of nf_tables: %w", err)
	}
	if n > 0 {
		found = append(found, Foreign{
			fmt.Sprintf("%d rules %q in nf_tables", n, skipComment),
			func() error { return withConn(func(c *Conn) error { return c.deleteForeign(addrs) }) },
		})
	}
	for _, t := range legacyTables() {
		n, failed := t.count(addrs)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("table %s of %s: %w", foreignTable, t.tool, failed))
		}
		if n > 0 {
			found = append(found, Foreign{
				fmt.Sprintf("%d rules %q of %s", n, skipComment, t.tool),
				func() error { return t.delete(addrs) },
			})
		}
	}
	return found, err
}

func withConn(do func(*Conn) error) error {
	c, err := Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// deleteTries bounds how often we look for the rules again because others have changed some rules
// in the meantime.
const deleteTries = 100

func (c *Conn) deleteForeign(addrs []netip.Addr) (err error) {
	for range deleteTries {
		if err = c.tryDeleteForeign(addrs); !errors.Is(err, unix.ERESTART) {
			return err
		}
	}
	return err
}

// tryDeleteForeign fails with ERESTART if the ruleset changes meanwhile: if someone has deleted the
// table and made it again, a handle may stand for another rule.
func (c *Conn) tryDeleteForeign(addrs []netip.Addr) error {
	now, err := c.generation()
	if err != nil {
		return err
	}
	rules, err := c.foreign(addrs)
	if err != nil || len(rules) == 0 {
		return err
	}
	b := &batch{table: foreignTable, generation: now}
	for _, r := range rules {
		b.deleteRule(r)
	}
	return b.commit(c)
}

// foreign returns the rules about addrs that iptables-nft has written.
func (c *Conn) foreign(addrs []netip.Addr) (found []foreignRule, err error) {
	for _, family := range []uint8{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
		all, err := c.rules(family, foreignTable)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			if r := readForeign(m.Data); r.table == foreignTable && r.skips && slices.ContainsFunc(addrs, r.isAbout) {
				found = append(found, r)
			}
		}
	}
	return found, nil
}

// foreignRule is what we need to know about a rule.
type foreignRule struct {
	family       uint8
	table, chain string
	handle       uint64
	skips        bool     // it has skipComment
	values       [][]byte // that it compares a packet with
}

func (r foreignRule) isAbout(a netip.Addr) bool {
	return slices.ContainsFunc(r.values, func(value []byte) bool { return bytes.Equal(value, a.AsSlice()) })
}

// readForeign reads the data of a message. If that is no rule, r.table is empty.
func readForeign(data []byte) (r foreignRule) {
	if len(data) < 4 {
		return r
	}
	r.family = data[0]
	each(data[4:], func(typ uint16, value []byte) {
		switch typ {
		case unix.NFTA_RULE_TABLE:
			r.table = text(value)
		case unix.NFTA_RULE_CHAIN:
			r.chain = text(value)
		case unix.NFTA_RULE_HANDLE:
			if len(value) == 8 {
				r.handle = binary.BigEndian.Uint64(value)
			}
		case unix.NFTA_RULE_USERDATA: // from iptables before 1.8.3: a type, which is 0, and a length (libnftnl's udata.h)
			r.skips = r.skips || len(value) > 2 && value[0] == 0 && text(value[2:]) == skipComment
		case unix.NFTA_RULE_EXPRESSIONS:
			each(value, func(_ uint16, value []byte) { r.readExpr(value) })
		}
	})
	return r
}

func (r *foreignRule) readExpr(data []byte) {
	name := text(attr(data, unix.NFTA_EXPR_NAME))
	data = attr(data, unix.NFTA_EXPR_DATA)
	switch name {
	case "match": // an extension of ip_tables, by way of nft_compat
		if text(attr(data, unix.NFTA_MATCH_NAME)) == "comment" {
			r.skips = r.skips || text(attr(data, unix.NFTA_MATCH_INFO)) == skipComment
		}
	case "cmp":
		r.values = append(r.values, attr(attr(data, unix.NFTA_CMP_DATA), unix.NFTA_DATA_VALUE))
	}
}

// each calls do for each attribute in data. It stops at the first that is malformed.
func each(data []byte, do func(typ uint16, value []byte)) {
	ad, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return
	}
	for ad.Next() {
		do(ad.Type(), ad.Bytes())
	}
}

// attr returns the value of the last attribute in data that has a type, or nothing.
func attr(data []byte, typ uint16) (found []byte) {
	each(data, func(t uint16, value []byte) {
		if t == typ {
			found = value
		}
	})
	return found
}

// text returns what stands before the first NUL.
func text(value []byte) string {
	value, _, _ = bytes.Cut(value, []byte{0})
	return string(value)
}
