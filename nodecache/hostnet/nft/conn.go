package nft

import (
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Conn is a netlink socket for nf_tables. It never subscribes to events: nobody would read them,
// and they would fill its buffer.
type Conn struct{ socket *netlink.Conn }

// Dial opens a Conn in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	socket, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, err
	}
	_ = socket.SetOption(netlink.ExtendedAcknowledge, true) // words beside an errno, since Linux 4.12
	return &Conn{socket}, nil
}

// Number returns the number of the socket (nl_pid of netlink(7)). No other living socket of the
// network namespace that is for nf_tables has it.
func (c *Conn) Number() uint32 { return c.socket.PID() }

// Close closes the socket. The kernel then deletes the tables that belong to it.
func (c *Conn) Close() error { return c.socket.Close() }

// Listed is a table of the family inet, as the kernel lists it.
type Listed struct {
	Name  string
	Owned bool // it belongs to a socket, and goes with it
}

// Tables returns all tables of the family inet.
func (c *Conn) Tables() (found []Listed, err error) {
	all, err := c.dump(unix.NFT_MSG_GETTABLE, unix.NFPROTO_INET, nil)
	for _, m := range all {
		l := Listed{}
		each(body(m), func(typ uint16, value []byte) {
			switch typ {
			case unix.NFTA_TABLE_NAME:
				l.Name = text(value)
			case unix.NFTA_TABLE_FLAGS:
				l.Owned = len(value) == 4 && binary.BigEndian.Uint32(value)&tableOwner != 0
			}
		})
		found = append(found, l)
	}
	return found, err
}

// Delete deletes a table of the family inet with all that it holds. It returns an error of
// unix.ENOENT if there is none.
func (c *Conn) Delete(table string) error {
	b := &batch{table: table}
	b.deleteTable()
	return b.commit(c)
}

// dump asks for all objects of a kind, by a message such as NFT_MSG_GETTABLE. attributes say which.
func (c *Conn) dump(typ uint16, family uint8, attributes []byte) ([]netlink.Message, error) {
	return c.get(typ, family, netlink.Dump, attributes)
}

// get asks for an object and returns the answers.
func (c *Conn) get(typ uint16, family uint8, flags netlink.HeaderFlags, attributes []byte) ([]netlink.Message, error) {
	return c.socket.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | typ),
			Flags: netlink.Request | flags,
		},
		Data: append(head(family, 0), attributes...),
	})
}

// rules returns the rules of a table. A table that doesn't exist has none.
func (c *Conn) rules(family uint8, table string) ([]netlink.Message, error) {
	ae := netlink.NewAttributeEncoder()
	ae.String(unix.NFTA_RULE_TABLE, table)
	attributes, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	found, err := c.dump(unix.NFT_MSG_GETRULE, family, attributes)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	return found, err
}

// generation returns the number of the ruleset. Every change gives it another.
func (c *Conn) generation() (uint32, error) {
	found, err := c.get(unix.NFT_MSG_GETGEN, unix.NFPROTO_UNSPEC, 0, nil)
	if err != nil {
		return 0, err
	}
	for _, m := range found {
		if id := attr(body(m), unix.NFTA_GEN_ID); len(id) == 4 {
			return binary.BigEndian.Uint32(id), nil
		}
	}
	return 0, errors.New("the ruleset has no generation")
}
