// Package meter measures a kubernetes plugin inside a program of its own, since two plugins can't
// register the same name. The bench asks over standard input.
package meter

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// Cost is what one call of ServeDNS costs.
type Cost struct {
	CPU    float64 // nanoseconds of the whole process, garbage collection included
	Allocs float64
	Bytes  float64
}

// Started is the first thing that the meter says.
type Started struct {
	Heap uint64 // bytes that stay after the first sync, over those before
}

const directive = "meter"

// Main starts the server in the Corefile that the first argument names, and says how much heap its
// records take. Then it answers each line "NAME TYPE" with the Cost of that question.
func Main() {
	log.Discard()
	dnsserver.Quiet = true
	var handler plugin.Handler
	capture(&handler)
	before := heap()
	if err := start(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	out.Encode(Started{Heap: heap() - before})
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		name, typ, _ := strings.Cut(in.Text(), " ")
		out.Encode(measure(handler, name, dns.StringToType[typ]))
	}
}

// capture adds a directive before kubernetes. It takes hold of that plugin's handler.
func capture(handler *plugin.Handler) {
	dnsserver.Directives = []string{"bind", directive, "kubernetes"}
	plugin.Register(directive, func(c *caddy.Controller) error {
		dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
			*handler = next
			return next
		})
		return nil
	})
}

func start(corefile string) error {
	text, err := os.ReadFile(corefile)
	if err != nil {
		return err
	}
	_, err = caddy.Start(caddy.CaddyfileInput{Contents: text, Filepath: corefile, ServerTypeName: "dns"})
	return err
}

func heap() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
		time.Sleep(100 * time.Millisecond)
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// measure calls ServeDNS until it has used a good part of a second.
func measure(h plugin.Handler, name string, qtype uint16) Cost {
	for n := 100; ; n *= 4 {
		if c, used := repeat(h, name, qtype, n); used > 300*time.Millisecond {
			return c
		}
	}
}

func repeat(h plugin.Handler, name string, qtype uint16, n int) (Cost, time.Duration) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	serve(h, name, qtype, n)
	used := cpuTime() - cpu
	runtime.ReadMemStats(&after)
	per := func(v uint64) float64 { return float64(v) / float64(n) }
	return Cost{
		CPU:    float64(used.Nanoseconds()) / float64(n),
		Allocs: per(after.Mallocs - before.Mallocs),
		Bytes:  per(after.TotalAlloc - before.TotalAlloc),
	}, used
}

// cpuTime is the processor time that the process has used.
func cpuTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime))
}
