package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// skipComment is on the rules by which a node-local cache of kubernetes/dns keeps queries out
// of connection tracking, see cmd/node-cache/app there. Those let no query reach kube-proxy
// when that cache is gone. Its rules in the table filter, which accept queries, have another
// comment: they do no harm, and where a firewall drops the rest they do good, so they stay.
const skipComment = "NodeLocal DNS Cache: skip conntrack"

// foreignTable is where such rules are.
const foreignTable = "raw"

// leftoverRules looks for such rules about addrs.
func leftoverRules(addrs []netip.Addr) (found []Leftover, err error) {
	rules, err := countForeign(addrs)
	if rules > 0 {
		found = append(found, Leftover{
			Name: fmt.Sprintf("%d rules %q in nf_tables", rules, skipComment), Addrs: addrs,
			takeOver: func() error { return explain("rules of an earlier node-local cache", deleteForeign(addrs)) },
		})
	}
	for _, t := range legacyTables() {
		n, failed := t.count(addrs)
		err = errors.Join(err, explain("table raw of "+t.tool, failed))
		if n > 0 {
			found = append(found, Leftover{
				Name: fmt.Sprintf("%d rules %q of %s", n, skipComment, t.tool), Addrs: addrs,
				takeOver: func() error { return t.takeOver(addrs) },
			})
		}
	}
	return found, err
}

func countForeign(addrs []netip.Addr) (int, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0, noTable(err)
	}
	defer conn.Close()
	rules, err := listForeign(conn, addrs)
	return len(rules), explain("rules of nf_tables", err)
}

// deleteTries bounds how often rules are looked for anew because others changed some meanwhile.
const deleteTries = 100

// deleteForeign deletes such rules, all or none.
func deleteForeign(addrs []netip.Addr) error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return noTable(err)
	}
	defer conn.Close()
	for range deleteTries {
		if err = tryDelete(conn, addrs); !errors.Is(err, unix.ERESTART) {
			return err
		}
	}
	return err
}

// tryDelete fails with ERESTART if the ruleset changes meanwhile: in a table that was made
// anew, a handle is another rule's.
func tryDelete(conn *netlink.Conn, addrs []netip.Addr) error {
	now, err := generation(conn)
	if err != nil {
		return err
	}
	rules, err := listForeign(conn, addrs)
	if err != nil || len(rules) == 0 {
		return err
	}
	b := &batch{table: foreignTable, generation: now}
	for _, r := range rules {
		b.deleteRule(r)
	}
	return b.commit(conn)
}

// listForeign returns those that iptables-nft has written.
func listForeign(conn *netlink.Conn, addrs []netip.Addr) (found []foreignRule, err error) {
	for _, family := range []uint8{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6} {
		all, err := listRules(conn, family, foreignTable)
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
