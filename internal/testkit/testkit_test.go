package testkit

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a test that notes why it was ended.
type recorder struct {
	testing.TB
	fatal string
}

func (*recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	panic(r)
}

func TestEventually(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		Eventually(t, "a third look", func() bool { looks++; return looks == 3 })
		began := time.Now()
		r := &recorder{TB: t}
		func() {
			defer func() { _ = recover() }()
			Eventually(r, "the impossible", func() bool { return false })
		}()
		if !strings.Contains(r.fatal, "the impossible") {
			t.Errorf("it ended with %q", r.fatal)
		}
		if took := time.Since(began); took < Patience || took > Patience+time.Second {
			t.Errorf("it gave up after %v", took)
		}
	})
}

func TestFreePort(t *testing.T) {
	seen := map[uint16]bool{}
	for range 20 {
		addr := FreeAddr(t)
		if seen[addr.Port()] {
			t.Errorf("%d is found twice", addr.Port())
		}
		seen[addr.Port()] = true
		l, err := net.Listen("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		if isFree(addr.Port()) {
			t.Errorf("%v is in use, but found free", addr)
		}
		l.Close()
	}
}

func TestName(t *testing.T) {
	for _, n := range Names(t, "a.Example", "a.example.") {
		if got := n.String(); !strings.EqualFold(got, "a.example.") {
			t.Errorf("%q", got)
		}
	}
}
