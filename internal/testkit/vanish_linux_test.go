package testkit

import (
	"net"
	"os"
	"testing"
	"time"
)

func TestVanish(t *testing.T) {
	s := Serve(t, nil)
	s.Vanish()
	for range 3 {
		if c, err := net.DialTimeout("tcp", s.Addr.String(), 100*time.Millisecond); !os.IsTimeout(err) {
			t.Errorf("%v, %v", c, err)
		}
	}
	s.Return(Echo)
	for _, network := range []string{"udp", "tcp"} {
		if _, err := ask(s, network); err != nil {
			t.Error(err)
		}
	}
	s.Vanish()
	s.Stop()
	s.Restart()
	s.Do(Echo)
	if _, err := ask(s, "tcp"); err != nil {
		t.Error(err)
	}
}
