package hostnet

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// sweep deletes tables of dead processes. One with an owner needs no sweeping.
func sweep(c *netlink.Conn) error {
	tables, err := listTables(c)
	if err != nil {
		return err
	}
	for _, m := range tables {
		name, owned := readTable(m.Data)
		number, ours := strings.CutPrefix(name, tablePrefix)
		port, err := strconv.ParseUint(number, 10, 32)
		dead := uint32(port) == c.PID() || !isAlive(unix.NETLINK_NETFILTER, uint32(port))
		if ours && err == nil && !owned && dead {
			b := &batch{}
			b.deleteTable(name)
			b.commit(c) // another process may have been first
		}
	}
	return nil
}

func listTables(c *netlink.Conn) ([]netlink.Message, error) {
	return c.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETTABLE),
			Flags: netlink.Request | netlink.Dump,
		},
		Data: nfgenmsg(unix.NFPROTO_INET, 0),
	})
}

func readTable(data []byte) (name string, owned bool) {
	if len(data) < 4 { // nfgenmsg
		return "", false
	}
	ad, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return "", false
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_TABLE_NAME:
			name = ad.String()
		case unix.NFTA_TABLE_FLAGS:
			owned = ad.Uint32()&tableOwner != 0
		}
	}
	return name, owned
}
