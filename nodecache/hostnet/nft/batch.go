package nft

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// batch collects messages about one table. The kernel acts on all of them, or on none.
type batch struct {
	table      string
	generation uint32 // that the ruleset must have; any if 0
	messages   []netlink.Message
	err        error // the first message that can't be encoded
}

// attrs adds attributes to a message.
type attrs func(*netlink.AttributeEncoder)

// add adds a message, such as NFT_MSG_NEWTABLE, for a table of the family inet.
func (b *batch) add(typ uint16, flags netlink.HeaderFlags, fill attrs) {
	b.addIn(unix.NFPROTO_INET, typ, flags, fill)
}

// addIn adds a message for a table of any family.
func (b *batch) addIn(family uint8, typ uint16, flags netlink.HeaderFlags, fill attrs) {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	fill(ae)
	data, err := ae.Encode()
	if err != nil && b.err == nil {
		b.err = err
	}
	b.messages = append(b.messages, netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | typ),
			Flags: netlink.Request | netlink.Acknowledge | flags,
		},
		Data: append(head(family, 0), data...),
	})
}

// tableOwner is NFT_TABLE_F_OWNER, since Linux 5.12: the table belongs to the netlink socket that
// makes it.
const tableOwner = 0x2

// addTable makes the table, which must not exist yet.
func (b *batch) addTable(owned bool) {
	b.add(unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Excl, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, b.table)
		if owned {
			ae.Uint32(unix.NFTA_TABLE_FLAGS, tableOwner)
		}
	})
}

func (b *batch) deleteTable() {
	b.add(unix.NFT_MSG_DELTABLE, 0, func(ae *netlink.AttributeEncoder) { ae.String(unix.NFTA_TABLE_NAME, b.table) })
}

// emptyTable makes the table if it doesn't exist, and deletes its rules. Its chains stay: between
// an old chain and a new one, a packet could find no rule in either.
func (b *batch) emptyTable() {
	b.add(unix.NFT_MSG_NEWTABLE, netlink.Create, func(ae *netlink.AttributeEncoder) { ae.String(unix.NFTA_TABLE_NAME, b.table) })
	b.add(unix.NFT_MSG_DELRULE, 0, func(ae *netlink.AttributeEncoder) { ae.String(unix.NFTA_RULE_TABLE, b.table) })
}

// Priorities of linux/netfilter_ipv4.h. Connection tracking has -200.
const (
	priorityRaw  = -300     // NF_IP_PRI_RAW
	priorityDNAT = -100 + 1 // after NF_IP_PRI_NAT_DST, where kube-proxy's chains are
	prioritySNAT = 100 + 1  // after NF_IP_PRI_NAT_SRC
)

// addChain adds a chain that sees the packets at a hook before connection tracking does.
func (b *batch) addChain(name string, hook uint32) { b.addBase(name, "filter", hook, priorityRaw) }

// addNATChain adds a chain that sees the first packet of each connection at a hook.
func (b *batch) addNATChain(name string, hook uint32, priority int32) {
	b.addBase(name, "nat", hook, priority)
}

func (b *batch) addBase(name, kind string, hook uint32, priority int32) {
	b.add(unix.NFT_MSG_NEWCHAIN, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_CHAIN_TABLE, b.table)
		ae.String(unix.NFTA_CHAIN_NAME, name)
		ae.Nested(unix.NFTA_CHAIN_HOOK, func(ae *netlink.AttributeEncoder) error {
			ae.Uint32(unix.NFTA_HOOK_HOOKNUM, hook)
			ae.Uint32(unix.NFTA_HOOK_PRIORITY, uint32(priority))
			return nil
		})
		ae.String(unix.NFTA_CHAIN_TYPE, kind)
	})
}

// addRule adds a rule behind those that a chain has.
func (b *batch) addRule(chain string, r rule) {
	b.add(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_RULE_TABLE, b.table)
		ae.String(unix.NFTA_RULE_CHAIN, chain)
		ae.Nested(unix.NFTA_RULE_EXPRESSIONS, func(ae *netlink.AttributeEncoder) error {
			for _, e := range r {
				ae.Do(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, func() ([]byte, error) { return marshal(e) })
			}
			return nil
		})
	})
}

// marshal encodes an expression for a table of the family inet.
func marshal(e expr.Any) ([]byte, error) {
	if o, ok := e.(original); ok {
		return o.marshal()
	}
	return expr.Marshal(unix.NFPROTO_INET, e)
}

// deleteRule deletes a rule of a table that may be of another family.
func (b *batch) deleteRule(r foreignRule) {
	b.addIn(r.family, unix.NFT_MSG_DELRULE, 0, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_RULE_TABLE, b.table)
		ae.String(unix.NFTA_RULE_CHAIN, r.chain)
		ae.Uint64(unix.NFTA_RULE_HANDLE, r.handle)
	})
}

func (b *batch) addSet(s set) {
	b.add(unix.NFT_MSG_NEWSET, netlink.Create, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_SET_TABLE, b.table)
		ae.String(unix.NFTA_SET_NAME, s.name)
		ae.Uint32(unix.NFTA_SET_ID, s.id)
		ae.Uint32(unix.NFTA_SET_KEY_TYPE, s.kind)
		ae.Uint32(unix.NFTA_SET_KEY_LEN, s.size)
		if s.kind == kindDevice {
			ae.Bytes(unix.NFTA_SET_USERDATA, hostOrder())
		}
		if s.timeout == 0 {
			return
		}
		ae.Uint64(unix.NFTA_SET_TIMEOUT, uint64(s.timeout.Milliseconds()))
		if s.most == 0 {
			ae.Uint32(unix.NFTA_SET_FLAGS, unix.NFT_SET_TIMEOUT)
			return
		}
		ae.Uint32(unix.NFTA_SET_FLAGS, unix.NFT_SET_TIMEOUT|unix.NFT_SET_EVAL)
		ae.Nested(unix.NFTA_SET_DESC, func(ae *netlink.AttributeEncoder) error {
			ae.Uint32(unix.NFTA_SET_DESC_SIZE, s.most)
			return nil
		})
	})
}

// hostOrder tells nft(8) that the keys of a set are numbers in the host's byte order: in
// libnftnl's udata.h, the type NFTNL_UDATA_SET_KEYBYTEORDER, the length 4 and BYTEORDER_HOST_ENDIAN.
func hostOrder() []byte { return binary.NativeEndian.AppendUint32([]byte{0, 4}, 1) }

// addElements adds keys to a set, with the whole of its timeout. Before Linux 6.12, a key that is
// there already keeps the time that it had.
func (b *batch) addElements(s set, keys ...[]byte) {
	if len(keys) == 0 {
		return
	}
	b.add(unix.NFT_MSG_NEWSETELEM, netlink.Create, func(ae *netlink.AttributeEncoder) {
		b.nameSet(ae, s)
		ae.Nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, func(ae *netlink.AttributeEncoder) error {
			for _, key := range keys {
				ae.Nested(unix.NFTA_LIST_ELEM, encodeKey(key))
			}
			return nil
		})
	})
}

func encodeKey(key []byte) func(*netlink.AttributeEncoder) error {
	return func(ae *netlink.AttributeEncoder) error {
		ae.Nested(unix.NFTA_SET_ELEM_KEY, func(ae *netlink.AttributeEncoder) error {
			ae.Bytes(unix.NFTA_DATA_VALUE, key)
			return nil
		})
		return nil
	}
}

// flush deletes all elements of a set. To delete each would fail for one that has timed out.
func (b *batch) flush(s set) {
	b.add(unix.NFT_MSG_DELSETELEM, 0, func(ae *netlink.AttributeEncoder) { b.nameSet(ae, s) })
}

func (b *batch) nameSet(ae *netlink.AttributeEncoder, s set) {
	ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, b.table)
	ae.String(unix.NFTA_SET_ELEM_LIST_SET, s.name)
	ae.Uint32(unix.NFTA_SET_ELEM_LIST_SET_ID, s.id)
}

// commitWait bounds the wait for the kernel's answers. They are there when the batch has been
// sent, so it only ends a wait for an answer that the kernel has lost. It is long, because a process
// that others keep from the CPU may take seconds from one line to the next.
const commitWait = 20 * time.Second

// commit sends the batch and returns the first error; then nothing has changed. When the batch has
// been sent, the kernel has done everything. It answers each message. If the whole batch has an
// error, the answer to its first message says so.
func (b *batch) commit(c *Conn) error {
	if b.err != nil {
		return b.err
	}
	begin := edge(unix.NFNL_MSG_BATCH_BEGIN)
	if b.generation != 0 {
		begin.Data = append(begin.Data, generationAttr(b.generation)...)
	}
	all := slices.Concat([]netlink.Message{begin}, b.messages, []netlink.Message{edge(unix.NFNL_MSG_BATCH_END)})
	sent, err := c.socket.SendMessages(all)
	if err != nil {
		return err
	}
	first, last := sent[0].Header.Sequence, sent[len(sent)-2].Header.Sequence
	_ = c.socket.SetReadDeadline(time.Now().Add(commitWait))
	var failed error
	for {
		sequence, err := receive(c.socket)
		switch {
		case sequence == 0:
			return err
		case failed == nil && int32(sequence-first) >= 0: // not an answer to an earlier batch
			failed = err
		}
		if sequence == first || sequence == last {
			return failed
		}
	}
}

// receive reads an answer: the sequence number of the message that it is to, and the error that
// it reports. If the socket itself fails, the number is 0.
func receive(socket *netlink.Conn) (sequence uint32, err error) {
	answers, err := socket.Receive()
	var reported *netlink.OpError
	switch {
	case errors.As(err, &reported):
		return reported.Sequence, err
	case err != nil || len(answers) == 0:
		return 0, err
	}
	return answers[len(answers)-1].Header.Sequence, nil
}

// edge is the message that a batch begins or ends with.
func edge(typ netlink.HeaderType) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request},
		Data:   head(0, unix.NFNL_SUBSYS_NFTABLES),
	}
}

// head is struct nfgenmsg of linux/netfilter/nfnetlink.h, which every message begins with.
func head(family uint8, id uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, unix.NFNETLINK_V0}, id)
}

// body returns the attributes of a message, which come after its head.
func body(m netlink.Message) []byte { return m.Data[min(len(m.Data), 4):] }

// generationAttr makes a batch fail with ERESTART if the ruleset has another generation. Linux
// before 4.12 ignores it.
func generationAttr(id uint32) []byte {
	attribute := binary.NativeEndian.AppendUint16(nil, 8)
	attribute = binary.NativeEndian.AppendUint16(attribute, unix.NFNL_BATCH_GENID)
	return binary.BigEndian.AppendUint32(attribute, id)
}
