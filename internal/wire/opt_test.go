package wire

import (
	"testing"
	"time"
)

// RFC 7828, section 3.1: the time-out is in units of 100 ms, and section 3.3.2: 0 asks to close.
func TestKeepAliveRFC7828(t *testing.T) {
	for idle, want := range map[time.Duration]uint16{0: 0, time.Second: 0, 2 * time.Second: 10, 10 * time.Second: 90, 24 * time.Hour: 65535} {
		for leaving, want := range map[bool]uint16{false: want, true: 0} {
			var o Options
			o.KeepAlive(idle, leaving)
			if !o.Keepalive || o.Timeout != want {
				t.Errorf("idle %v, leaving %v: %d, want %d", idle, leaving, o.Timeout, want)
			}
		}
	}
}
