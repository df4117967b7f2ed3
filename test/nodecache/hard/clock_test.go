package hard

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/neardns/neardns/internal/testkit"
	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/test/nodecache/run"
)

// Go reads the wall clock without a system call, so the tools that fake it for other programs have
// no effect here. Setting the machine's clock would disturb everything that runs on it. So this test
// builds the program with a package time of its own: a file says in its first 8 bytes by how many
// seconds the wall clock is ahead or behind. The monotonic clock stays as it is. The file is mapped,
// because time.Now is also called where nothing may be read. The next 8 bytes say for how many
// seconds the machine has slept: no test can send it to sleep.
const (
	clockFile = "NEARDNS_TEST_CLOCK" // the environment's name for it
	clockCode = `package time

import (
	"syscall"
	"unsafe"
)

// ahead says by how many seconds the wall clock is ahead.
var ahead = mapClock()

func mapClock() *int64 {
	name, _ := syscall.Getenv("` + clockFile + `")
	fd, err := syscall.Open(name, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	at, _, errno := syscall.Syscall6(syscall.SYS_MMAP, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED, uintptr(fd), 0)
	if errno != 0 {
		panic(errno)
	}
	return *(**int64)(unsafe.Pointer(&at))
}
`
	readsClock = "sec, nsec, mono := runtimeNow()\n"
	sleepCode  = `package clock

import (
	"encoding/binary"
	"os"
	"time"
)

func asleep() time.Duration {
	b, err := os.ReadFile(os.Getenv("` + clockFile + `"))
	if err != nil {
		panic(err)
	}
	return time.Duration(binary.NativeEndian.Uint64(b[8:])) * time.Second
}
`
)

// buildJumping builds the node cache with such a clock.
func buildJumping(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	std := filepath.Join(goEnv(t, "GOROOT"), "src", "time")
	code, err := os.ReadFile(filepath.Join(std, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	now, after, _ := strings.Cut(string(code), "\nfunc Now() Time {\n")
	if !strings.HasPrefix(after, "\t"+readsClock) {
		t.Fatalf("time.Now of %s does not begin with %q; have this test follow it", runtime.Version(), readsClock)
	}
	jumping := now + "\nfunc Now() Time {\n\t" + readsClock + "\tsec += *ahead\n" + strings.TrimPrefix(after, "\t"+readsClock)
	module := filepath.Dir(goEnv(t, "GOMOD"))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(std, "time.go"):                     run.Write(t, dir, "time.go", jumping),
		filepath.Join(std, "ahead.go"):                    run.Write(t, dir, "ahead.go", clockCode),
		filepath.Join(module, "internal/clock/asleep.go"): run.Write(t, dir, "asleep.go", sleepCode),
	}})
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "nodecache")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-overlay", run.Write(t, dir, "overlay.json", string(overlay)), "-o", program, "./cmd/nodecache")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build -overlay: %v\n%s", err, out)
	}
	return program
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestClock has the wall clock jump by three years, forward and back. Cached answers live as long
// as they should, connections stay open and queries are answered. The log and the cookies follow.
func TestClock(t *testing.T) {
	program := buildJumping(t)
	const years = 3
	for _, by := range []int{years, -years} {
		t.Run(fmt.Sprintf("%+d years", by), func(t *testing.T) {
			f := newServer(t)
			f.Do(lives)
			n, clock := startJumping(t, program, f)
			c := &connection{to: n.addr}
			defer c.close()
			for _, name := range []string{"long.example.org.", "short.example.org."} {
				if a := c.ask(name); !a.right() {
					t.Fatalf("before the jump: %v", a)
				}
			}
			asked := time.Now()
			setClock(t, clock, by*365*24*3600, 0)

			checkLong(t, c, f)
			// The answer expires by a clock that no test can turn: the monotonic one.
			time.Sleep(time.Until(asked.Add(shortLife*time.Second + 500*time.Millisecond)))
			if a := c.ask("short.example.org."); !a.right() || f.Asked("short.example.org.") != 2 {
				t.Errorf("short.example.org., which has expired: %v; the server was asked %d times, expected 2", a, f.Asked("short.example.org."))
			}
			checkLong(t, c, f)
			n.expect("new.example.org.", promptly, "a new name", answer.right)
			checkWall(t, n, c, time.Duration(by)*365*24*time.Hour)
			if n.Scrape().Sum("nodecache_tcp_connections_total") < 1 || c.conns != 1 {
				t.Errorf("the connection was opened %d times", c.conns)
			}
			f.Stop()
			n.expect("lost.example.org.", promptly, "SERVFAIL", plainFailure)
			if year := strconv.Itoa(time.Now().AddDate(0, 0, by*365).UTC().Year()); !strings.HasPrefix(n.Logs("upstream is out"), "time="+year) {
				t.Errorf("the clock did not jump to %s", year)
			}
		})
	}
}

const shortLife = 2 // seconds

// lives gives a TTL of 2 s to names that begin with short, and a longer one to others.
func lives(s *testkit.Session, q wire.Message) {
	name, ttl := testkit.NameOf(q), uint32(lifetime)
	if strings.HasPrefix(name, "short") {
		ttl = shortLife
	}
	s.Send(with(q, addressOf(name), ttl))
}

// TestSleep has the machine sleep for as long as an answer lives. Then the node cache asks for
// it again.
func TestSleep(t *testing.T) {
	f := newServer(t)
	f.Do(lives)
	n, clock := startJumping(t, buildJumping(t), f)
	c := &connection{to: n.addr}
	defer c.close()
	const name = "long.example.org."
	for range 2 {
		if a := c.ask(name); !a.right() || f.Asked(name) != 1 {
			t.Fatalf("before the sleep: %v; the server was asked %d times", a, f.Asked(name))
		}
	}
	setClock(t, clock, lifetime, lifetime) // the wall clock goes on, too
	testkit.Eventually(t, "it is asked for again", func() bool { return c.ask(name).right() && f.Asked(name) == 2 })
	if asked := f.Asked(name); !c.ask(name).right() || f.Asked(name) != asked {
		t.Errorf("after the sleep it is not kept")
	}
}

// checkWall waits until the query log and the cookies show the time of the wall clock.
func checkWall(t *testing.T, n *node, c *connection, ahead time.Duration) {
	t.Helper()
	const busy = time.Minute
	year := "time=" + strconv.Itoa(time.Now().Add(ahead).UTC().Year())
	tries := 0
	testkit.Eventually(t, "the query log is of the year", func() bool {
		tries++
		name := fmt.Sprintf("logged%d.example.org.", tries)
		return c.ask(name).right() && strings.HasPrefix(n.Logs(name), year)
	})
	q := question("long.example.org.")
	q.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
	testkit.Eventually(t, "cookies are of the time", func() bool {
		m, err := c.exchange(q)
		if err != nil || m.IsEdns0() == nil || len(m.IsEdns0().Option) != 1 {
			t.Fatalf("no cookie: %v, %v", m, err)
		}
		cookie, err := hex.DecodeString(m.IsEdns0().Option[0].(*dns.EDNS0_COOKIE).Cookie)
		if err != nil || len(cookie) != 24 {
			t.Fatalf("%x, %v", cookie, err)
		}
		made := time.Unix(int64(binary.BigEndian.Uint32(cookie[12:])), 0) // RFC 9018, section 4.3
		return time.Since(made.Add(-ahead)).Abs() < busy
	})
}

// setClock writes to the file of a clock by how many seconds it is ahead, and for how many the
// machine has slept.
func setClock(t *testing.T, file string, seconds, slept int) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) // never shorter: it is mapped
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := binary.Write(f, binary.NativeEndian, [2]int64{int64(seconds), int64(slept)}); err != nil {
		t.Fatal(err)
	}
}

// startJumping starts a program of buildJumping, and returns the file of its clock.
func startJumping(t *testing.T, program string, f *testkit.Server) (n *node, clock string) {
	t.Helper()
	addr, metrics := testkit.FreeAddr(t), testkit.FreeAddr(t)
	dir := t.TempDir()
	run.Write(t, dir, "Corefile", strings.Replace(block(".", "tcp", f), "\terrors\n", "\terrors\n\tlog\n", 1))
	clock = filepath.Join(dir, "clock")
	setClock(t, clock, 0, 0)
	cmd := exec.Command(program, "-conf", "Corefile", "-metrics-listen-address", metrics.String(), "-dns.port", strconv.Itoa(int(addr.Port())))
	cmd.Env = append(os.Environ(), clockFile+"="+clock)
	p := run.Start(t, cmd, dir)
	p.Answers(addr)
	return &node{&run.Node{Process: p, Metrics: metrics}, t, addr}, clock
}

// checkLong asks for the name that is cached for long.
func checkLong(t *testing.T, c *connection, f *testkit.Server) {
	t.Helper()
	const name, busy = "long.example.org.", 30
	a := c.ask(name)
	if !a.right() || f.Asked(name) != 1 {
		t.Errorf("%s, which is cached: %v; the server was asked %d times, expected 1", name, a, f.Asked(name))
		return
	}
	if ttl := a.Answer[0].(*dns.A).Hdr.Ttl; ttl > lifetime || ttl < lifetime-busy {
		t.Errorf("%s has a TTL of %d after the jump, expected some %d", name, ttl, lifetime)
	}
}
