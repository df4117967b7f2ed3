package node

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load is the queries that one dnsperf sends.
type load struct {
	from        string        // local address
	file        string        // questions
	once        bool          // each of them, instead of again and again
	lasts       time.Duration // at most
	rate        int           // a second; 0: all it can
	outstanding int           // at most
	timed       bool          // each answer
	patience    time.Duration // after which an answer counts as lost; 0: dnsperf's, 5 s
	by          []string      // a program to run dnsperf, with its arguments, if any
}

// outcome is the result of a load. A SERVFAIL does not count as an answer.
type outcome struct {
	sent, answered float64
	ms             []float64 // that each answer took, if timed; a lost one took all patience
}

// sockets is how many sockets a dnsperf asks from: so many that a contender with several sockets
// uses all of them.
const sockets = 16

// run runs dnsperf against a contender.
func (l load) run(ctx context.Context, s *instance, address string) (o outcome, err error) {
	var out bytes.Buffer
	command := slices.Concat(l.by, []string{"dnsperf"}, l.args(s.port, address))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return o, fmt.Errorf("dnsperf: %w\n%s", err, &out)
	}
	for in := bufio.NewScanner(&out); in.Scan() && err == nil; {
		err = o.read(in.Text())
	}
	if l.timed {
		lost := max(0, int(o.sent)-len(o.ms))
		o.ms = append(o.ms, slices.Repeat([]float64{1000 * l.wait().Seconds()}, lost)...)
	}
	switch {
	case err != nil:
		return o, fmt.Errorf("dnsperf: %w", err)
	case o.answered == 0:
		return o, fmt.Errorf("%s answers nothing: %s", s.name, s.Log())
	}
	return o, nil
}

// read reads a line of dnsperf:
//
//	> NOERROR name A 0.000123
//	Queries sent: 1000
//	Response codes: NOERROR 990 (99.00%), SERVFAIL 10 (1.00%)
func (o *outcome) read(line string) (err error) {
	words := strings.Fields(line)
	switch {
	case len(words) == 5 && words[1] == "NOERROR":
		var seconds float64
		seconds, err = strconv.ParseFloat(words[4], 64)
		o.ms = append(o.ms, seconds*1000)
	case len(words) == 3 && words[1] == "sent:":
		o.sent, err = strconv.ParseFloat(words[2], 64)
	case len(words) > 3 && words[1] == "codes:":
		if i := slices.Index(words, "NOERROR"); i > 0 {
			o.answered, err = strconv.ParseFloat(words[i+1], 64)
		}
	}
	return err
}

func (l load) wait() time.Duration { return cmp.Or(l.patience, 5*time.Second) }

func (l load) args(port int, address string) []string {
	args := []string{"-s", address, "-p", strconv.Itoa(port), "-d", l.file, "-c", strconv.Itoa(sockets), "-T", "1",
		"-q", strconv.Itoa(l.outstanding), "-t", fmt.Sprint(l.wait().Seconds())}
	if l.from != "" {
		args = append(args, "-a", l.from)
	}
	if l.once {
		args = append(args, "-n", "1")
	}
	if l.lasts > 0 {
		args = append(args, "-l", fmt.Sprint(l.lasts.Seconds()))
	}
	if l.rate > 0 {
		args = append(args, "-Q", strconv.Itoa(l.rate))
	}
	if l.timed {
		args = append(args, "-v")
	}
	return args
}

// cost runs a load and returns how many microseconds of processor time the contender used for
// each query that it answered.
func (l load) cost(ctx context.Context, s *instance) (us float64, o outcome, err error) {
	before, err := s.CPU()
	if err != nil {
		return 0, o, err
	}
	if o, err = l.run(ctx, s, s.addresses[0]); err != nil {
		return 0, o, err
	}
	after, err := s.CPU()
	return float64((after - before).Nanoseconds()) / 1000 / o.answered, o, err
}
