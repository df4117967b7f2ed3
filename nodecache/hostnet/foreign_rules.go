package hostnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// skipComment is on the rules by which a node-local cache of kubernetes/dns keeps queries out
// of connection tracking, see cmd/node-cache/app there. Those let no query reach kube-proxy
// when that cache is gone. Its rules in the table filter, which accept queries, have another
// comment: they do no harm, and where a firewall drops the rest they do good, so they stay.
const skipComment = "NodeLocal DNS Cache: skip conntrack"

// foreignRule is a rule of nf_tables, as iptables-nft writes it.
type foreignRule struct {
	family uint8
	chain  string
	handle uint64
}

// leftoverRules looks for such rules about addrs. A kernel that lacks the tables has none.
func leftoverRules(addrs []netip.Addr) (found []Leftover) {
	if n := len(listForeign(addrs)); n > 0 {
		found = append(found, Leftover{
			Name: fmt.Sprintf("%d rules %q in nf_tables", n, skipComment), Addrs: addrs,
			takeOver: func() error { return deleteForeign(listForeign(addrs)) },
		})
	}
	for _, t := range legacyTables() {
		if t.mentions(skipComment) {
			found = append(found, Leftover{Name: fmt.Sprintf("rules %q of %s", skipComment, t.tool), Addrs: addrs, takeOver: t.explain})
		}
	}
	return found
}

// foreignTable is where iptables-nft has its rules against connection tracking.
const foreignTable = "raw"

func listForeign(addrs []netip.Addr) (rules []foreignRule) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil
	}
	defer conn.Close()
	for _, family := range []uint8{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
		ae := netlink.NewAttributeEncoder()
		ae.String(unix.NFTA_RULE_TABLE, foreignTable)
		data, err := ae.Encode()
		if err != nil {
			continue
		}
		all, err := conn.Execute(netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE), Flags: netlink.Request | netlink.Dump},
			Data:   append(nfgenmsg(family, 0), data...),
		})
		if err != nil {
			continue
		}
		for _, m := range all {
			if r, ok := readForeign(family, m.Data, addrs); ok {
				rules = append(rules, r)
			}
		}
	}
	return rules
}

// readForeign reads a rule. It is one that is looked for if it has the comment and compares
// with one of the addresses.
func readForeign(family uint8, data []byte, addrs []netip.Addr) (r foreignRule, ok bool) {
	about := false
	for _, a := range addrs {
		about = about || a.Is4() == (family == unix.NFPROTO_IPV4) && bytes.Contains(data, a.AsSlice())
	}
	if len(data) < 4 || !about || !bytes.Contains(data, []byte(skipComment)) {
		return r, false
	}
	ad, err := netlink.NewAttributeDecoder(data[4:]) // behind nfgenmsg
	if err != nil {
		return r, false
	}
	ad.ByteOrder = binary.BigEndian
	r.family = family
	table := ""
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			r.chain = ad.String()
		case unix.NFTA_RULE_HANDLE:
			r.handle = ad.Uint64()
		}
	}
	return r, ad.Err() == nil && table == foreignTable && r.handle != 0
}

// deleteForeign deletes rules, all or none.
func deleteForeign(rules []foreignRule) error {
	if len(rules) == 0 {
		return nil
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return noTable(err)
	}
	defer conn.Close()
	b := &batch{}
	for _, r := range rules {
		b.add(unix.NFT_MSG_DELRULE, 0, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_RULE_TABLE, foreignTable)
			ae.String(unix.NFTA_RULE_CHAIN, r.chain)
			ae.Uint64(unix.NFTA_RULE_HANDLE, r.handle)
		})
		b.messages[len(b.messages)-1].Data[0] = r.family // nfgen_family of nfgenmsg
	}
	return explain("rules of an earlier node-local cache", b.commit(conn))
}

// errLegacy is why rules of ip_tables stay.
var errLegacy = errors.New("they are of ip_tables, which no netlink message removes; if this process dies, queries go astray")
