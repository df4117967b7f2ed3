package corefile

import "github.com/neardns/neardns/internal/wire"

// Limits of what CoreDNS takes for bufsize (RFC 6891, section 6.2.5), in bytes.
const (
	minBufsize = wire.MinUDPSize
	maxBufsize = 4096
)

// bufsize reads [SIZE].
func (d *directive) bufsize() error {
	args, err := d.args(0, 1, "bufsize [SIZE]")
	size := wire.UDPSize
	if err == nil && len(args) > 0 {
		size, err = d.number(args[0], minBufsize, maxBufsize)
	}
	d.block.Bufsize = uint16(size)
	return err
}

func (d *directive) debug() error {
	_, err := d.args(0, 0, "debug")
	d.block.Debug = true
	return err
}

func (d *directive) loop() error {
	_, err := d.args(0, 0, "loop")
	d.block.Loop = true
	return err
}

// family reads ipv4.
func (d *directive) family() error {
	args, err := d.args(1, 1, "family ipv4")
	if err == nil && args[0] != "ipv4" {
		return d.errorf("%q, expected family ipv4", args[0])
	}
	d.block.addIPv4Only(d.block.Zones())
	return err
}

func (b *Block) addIPv4Only(zones []wire.Name) {
	for _, z := range zones {
		b.IPv4Only = appendNew(b.IPv4Only, z)
	}
}
