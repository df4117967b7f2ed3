package hostnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// listRules returns the rules of a table. A table that is not there has none.
func listRules(c *netlink.Conn, family uint8, table string) ([]netlink.Message, error) {
	ae := netlink.NewAttributeEncoder()
	ae.String(unix.NFTA_RULE_TABLE, table)
	data, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	found, err := c.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE),
			Flags: netlink.Request | netlink.Dump,
		},
		Data: append(nfgenmsg(family, 0), data...),
	})
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return found, err
}

// generation returns the number of the ruleset, which each change makes another.
func generation(c *netlink.Conn) (uint32, error) {
	found, err := c.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN),
			Flags: netlink.Request,
		},
		Data: nfgenmsg(unix.NFPROTO_UNSPEC, 0),
	})
	if err != nil {
		return 0, err
	}
	for _, m := range found {
		if id := attr(m.Data[min(4, len(m.Data)):], unix.NFTA_GEN_ID); len(id) == 4 {
			return binary.BigEndian.Uint32(id), nil
		}
	}
	return 0, errors.New("the ruleset has no generation")
}

// foreignRule is what there is to know of a rule.
type foreignRule struct {
	family       uint8
	table, chain string
	handle       uint64
	skips        bool     // it has the comment
	values       [][]byte // that it compares a packet with
}

func (r foreignRule) isAbout(a netip.Addr) bool {
	return slices.ContainsFunc(r.values, func(value []byte) bool { return bytes.Equal(value, a.AsSlice()) })
}

// readForeign reads a message. What is no rule has no name of a table.
func readForeign(data []byte) (r foreignRule) {
	if len(data) < 4 { // nfgenmsg
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
		case unix.NFTA_RULE_USERDATA: // iptables before 1.8.3: of libnftnl's udata.h, a type, which is 0, and a length
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
	case "match": // of ip_tables, by way of nft_compat
		if text(attr(data, unix.NFTA_MATCH_NAME)) == "comment" {
			r.skips = r.skips || text(attr(data, unix.NFTA_MATCH_INFO)) == skipComment
		}
	case "cmp":
		r.values = append(r.values, attr(attr(data, unix.NFTA_CMP_DATA), unix.NFTA_DATA_VALUE))
	}
}

// each reads attributes. What is none ends it.
func each(data []byte, do func(typ uint16, value []byte)) {
	ad, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return
	}
	for ad.Next() {
		do(ad.Type(), ad.Bytes())
	}
}

// attr returns one attribute of a type, or nothing.
func attr(data []byte, typ uint16) (found []byte) {
	each(data, func(t uint16, value []byte) {
		if t == typ {
			found = value
		}
	})
	return found
}

// text returns what is before the first NUL.
func text(value []byte) string {
	value, _, _ = bytes.Cut(value, []byte{0})
	return string(value)
}
