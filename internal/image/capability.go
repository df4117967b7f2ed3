package image

import "encoding/binary"

// xattr is where the kernel looks for a file's capabilities, capabilities(7).
const xattr = "security.capability"

// Of linux/capability.h: a vfs_cap_data of revision 2, whose capabilities are effective from
// the start.
const (
	revision2 = 0x02000000
	effective = 1
)

// fileCapability is the value of xattr, or nil.
func (p Program) fileCapability() []byte {
	if p.Capability == 0 {
		return nil
	}
	value := binary.LittleEndian.AppendUint32(nil, revision2|effective)
	value = binary.LittleEndian.AppendUint32(value, 1<<p.Capability) // permitted; of the lower 32
	return append(value, make([]byte, 12)...)                        // inheritable, and the upper ones
}
