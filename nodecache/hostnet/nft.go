package hostnet

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Messages of nf_tables, see linux/netfilter/nf_tables.h. They are built here because the
// library that has them, google/nftables, makes no table with flags.

// batch collects messages that take effect together or not at all.
type batch struct {
	table      string
	generation uint32 // that the ruleset must have; any if 0
	messages   []netlink.Message
	err        error
}

// attrs adds attributes to a message.
type attrs func(*netlink.AttributeEncoder)

// add adds a message of a type, such as NFT_MSG_NEWTABLE.
func (b *batch) add(typ uint16, flags netlink.HeaderFlags, fill attrs) {
	b.addIn(unix.NFPROTO_INET, typ, flags, fill)
}

// addIn adds a message for a family of tables other than inet.
func (b *batch) addIn(family uint8, typ uint16, flags netlink.HeaderFlags, fill attrs) {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	fill(ae)
	data, err := ae.Encode()
	if err != nil {
		b.err = err
	}
	b.messages = append(b.messages, netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | typ),
			Flags: netlink.Request | netlink.Acknowledge | flags,
		},
		Data: append(nfgenmsg(family, 0), data...),
	})
}

// nfgenmsg is the head of each message.
func nfgenmsg(family uint8, id uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, unix.NFNETLINK_V0}, id)
}

// commitWait bounds the wait for what the kernel has said already when the batch is sent.
const commitWait = 2 * time.Second

// commit sends the batch. It returns the first error, and then nothing has changed. The
// kernel has done all of it when the batch is sent: each message has its answer, and what
// concerns the batch as a whole is said of its first.
func (b *batch) commit(c *netlink.Conn) error {
	if b.err != nil {
		return b.err
	}
	begin := edge(unix.NFNL_MSG_BATCH_BEGIN)
	if b.generation != 0 {
		begin.Data = append(begin.Data, generationAttr(b.generation)...)
	}
	all := slices.Concat([]netlink.Message{begin}, b.messages, []netlink.Message{edge(unix.NFNL_MSG_BATCH_END)})
	sent, err := c.SendMessages(all)
	if err != nil {
		return err
	}
	first, last := sent[0].Header.Sequence, sent[len(sent)-2].Header.Sequence
	c.SetReadDeadline(time.Now().Add(commitWait))
	var failed error
	for {
		said, err := receive(c)
		switch {
		case said == 0:
			return err
		case failed == nil && int32(said-first) >= 0: // not an earlier batch's
			failed = err
		}
		if said == first || said == last {
			return failed
		}
	}
}

// receive returns the sequence number of what an answer is to, or 0 with an error of the
// socket, and the error that it tells.
func receive(c *netlink.Conn) (sequence uint32, err error) {
	said, err := c.Receive()
	var told *netlink.OpError
	switch {
	case errors.As(err, &told):
		return told.Sequence, err
	case err != nil || len(said) == 0:
		return 0, err
	}
	return said[len(said)-1].Header.Sequence, nil
}

// edge is the message that a batch begins or ends with.
func edge(typ netlink.HeaderType) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request},
		Data:   nfgenmsg(0, unix.NFNL_SUBSYS_NFTABLES),
	}
}

// generationAttr has a batch fail with ERESTART if the ruleset has another generation. Linux
// before 4.12 does not look at it.
func generationAttr(id uint32) []byte {
	head := binary.NativeEndian.AppendUint16(nil, 8)
	head = binary.NativeEndian.AppendUint16(head, unix.NFNL_BATCH_GENID)
	return binary.BigEndian.AppendUint32(head, id)
}
