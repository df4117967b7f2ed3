package gauge

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Load is the queries that one dnsperf sends.
type Load struct {
	From        string        // local address
	File        string        // questions
	Binary      bool          // the file holds whole queries, each after its length as on TCP
	TCP         bool          // instead of UDP
	Sockets     int           // to ask from; 0: as many as any server has, so that all of its sockets are used
	Once        bool          // each of them, instead of again and again
	Lasts       time.Duration // at most
	Rate        int           // a second; 0: all it can
	Outstanding int           // at most
	Timed       bool          // each answer
	Patience    time.Duration // after which an answer counts as lost; 0: dnsperf's, 5 s
	By          []string      // a program to run dnsperf, with its arguments, if any
}

// Outcome is the result of a load. A SERVFAIL does not count as an answer.
type Outcome struct {
	Sent, Answered float64
	MS             []float64 // that each answer took, if timed; a lost one took all patience
}

// manySockets is how many sockets a dnsperf asks from: so many that a server with several sockets
// uses all of them.
const manySockets = 16

// Run runs dnsperf against a server.
func (l Load) Run(ctx context.Context, server netip.AddrPort) (o Outcome, err error) {
	var out bytes.Buffer
	command := slices.Concat(l.By, []string{"dnsperf"}, l.args(server))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return o, fmt.Errorf("dnsperf: %w\n%s", err, &out)
	}
	for in := bufio.NewScanner(&out); in.Scan() && err == nil; {
		err = o.read(in.Text())
	}
	if l.Timed {
		lost := max(0, int(o.Sent)-len(o.MS))
		o.MS = append(o.MS, slices.Repeat([]float64{1000 * l.wait().Seconds()}, lost)...)
	}
	if err == nil && o.Answered == 0 {
		err = errors.New("nothing was answered")
	}
	if err != nil {
		return o, fmt.Errorf("dnsperf: %w", err)
	}
	return o, nil
}

// answers are the response codes of what counts as an answer.
var answers = []string{"NOERROR", "NXDOMAIN"}

// read reads a line of dnsperf:
//
//	> NOERROR name A 0.000123
//	Queries sent: 1000
//	Response codes: NOERROR 990 (99.00%), SERVFAIL 10 (1.00%)
func (o *Outcome) read(line string) (err error) {
	words := strings.Fields(line)
	switch {
	case len(words) == 5 && slices.Contains(answers, words[1]):
		var seconds float64
		seconds, err = strconv.ParseFloat(words[4], 64)
		o.MS = append(o.MS, seconds*1000)
	case len(words) == 3 && words[1] == "sent:":
		o.Sent, err = strconv.ParseFloat(words[2], 64)
	case len(words) > 3 && words[1] == "codes:":
		for _, code := range answers {
			if i := slices.Index(words, code); i > 0 && err == nil {
				var n float64
				n, err = strconv.ParseFloat(words[i+1], 64)
				o.Answered += n
			}
		}
	}
	return err
}

func (l Load) wait() time.Duration { return cmp.Or(l.Patience, 5*time.Second) }

func (l Load) args(server netip.AddrPort) []string {
	args := []string{"-s", server.Addr().String(), "-p", fmt.Sprint(server.Port()), "-d", l.File, "-T", "1",
		"-c", fmt.Sprint(cmp.Or(l.Sockets, manySockets)), "-q", fmt.Sprint(l.Outstanding), "-t", fmt.Sprint(l.wait().Seconds())}
	if l.From != "" {
		args = append(args, "-a", l.From)
	}
	if l.Binary {
		args = append(args, "-B")
	}
	if l.TCP {
		args = append(args, "-m", "tcp")
	}
	if l.Once {
		args = append(args, "-n", "1")
	}
	if l.Lasts > 0 {
		args = append(args, "-l", fmt.Sprint(l.Lasts.Seconds()))
	}
	if l.Rate > 0 {
		args = append(args, "-Q", strconv.Itoa(l.Rate))
	}
	if l.Timed {
		args = append(args, "-v")
	}
	return args
}

// Cost runs a load and returns how many microseconds of processor time the processes used together
// for each query that the server answered.
func (l Load) Cost(ctx context.Context, server netip.AddrPort, of ...*Process) (us float64, o Outcome, err error) {
	before, err := used(of)
	if err != nil {
		return 0, o, err
	}
	if o, err = l.Run(ctx, server); err != nil {
		return 0, o, err
	}
	after, err := used(of)
	return float64((after - before).Nanoseconds()) / 1000 / o.Answered, o, err
}

// used is the processor time that processes have used together.
func used(of []*Process) (sum time.Duration, err error) {
	for _, p := range of {
		t, err := p.CPU()
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}
