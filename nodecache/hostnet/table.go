package hostnet

import (
	"golang.org/x/sys/unix"

	"github.com/neardns/neardns/nodecache/hostnet/nft"
)

// Mark is the mark (SO_MARK, socket(7)) of packets that the process sends to its own addresses to
// see whether it answers. They are never tracked, so kube-proxy doesn't send them elsewhere while
// queries are not intercepted. It shares no bit with the marks of kube-proxy.
const Mark = 0x35

// openTable makes a table with an owner, or else one without, and then why says why. First it
// deletes the tables that dead processes have left.
func openTable(c *Config, p nft.Probes) (t *nft.Table, why string, err error) {
	conn, err := nft.Dial()
	if err != nil {
		return nil, "", noTable(err)
	}
	if err := sweepTables(conn); err != nil {
		conn.Close()
		return nil, "", noTable(err)
	}
	t = nft.NewTable(conn, tableName(conn.Number()), nft.Rules{
		Addrs: c.Addrs, Port: c.Port, HealthPort: c.HealthPort, Mark: Mark, Lifetime: lifetime, AnswerOutside: c.AnswerOutside,
	}, p)
	if err = unix.EINVAL; !c.ownerless {
		err = t.Create(true)
	}
	if isAny(err, unix.EOPNOTSUPP, unix.EINVAL) { // before Linux 5.12
		why = "nf_tables: no table with an owner: " + err.Error()
		err = t.Create(false)
	}
	if err != nil {
		conn.Close()
		return nil, "", noTable(err)
	}
	return t, why, nil
}

func noTable(err error) error {
	f := &fault{"nf_tables", err, remedy(err)}
	if isAny(err, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EINVAL, unix.EOPNOTSUPP, unix.ENOENT) {
		f.remedy = "load the kernel modules nf_tables and nft_ct, or do without rules: -setupiptables=false"
	}
	return f
}
