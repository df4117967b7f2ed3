// Command nodecache is a caching DNS resolver for a Kubernetes node.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/neardns/neardns/internal/logqueue"
	"github.com/neardns/neardns/nodecache"
	"github.com/neardns/neardns/nodecache/hostnet"
	"github.com/neardns/neardns/nodecache/probe"
)

// The log on standard error.
const (
	logRoom = 256 << 10   // bytes that may wait for a reader
	logTime = time.Second // how long the exit waits for the reader
)

func main() {
	stderr := logqueue.New(logRoom, func(l logqueue.Line) error {
		_, err := os.Stderr.WriteString(l.Text)
		return err
	})
	code := run(os.Args[1:], stderr)
	stderr.Flush(logTime)
	os.Exit(code)
}

// run returns the exit code: 0; 1 if something failed; 2 for a wrong command line.
func run(args []string, stderr *logqueue.Queue) int {
	f, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "nodecache:", err)
		return 2
	case f.version:
		fmt.Println("nodecache", versionText())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case f.checkOnly:
		err = nodecache.Check(f.config(), os.Stdout)
	case f.remove:
		err = hostnet.RemoveFallback()
	case f.probe != "":
		err = probe.Ask(ctx, f.probe)
	case f.flush:
		err = flush(ctx, f.flushName)
	default:
		err = serve(ctx, f, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "nodecache:", err)
		return 1
	}
	return 0
}

// flush makes the running process forget a name, and prints how much that was.
func flush(ctx context.Context, name string) error {
	result, err := probe.Flush(ctx, name)
	if err == nil {
		fmt.Println(result)
	}
	return err
}

// serve runs the resolver.
func serve(ctx context.Context, f *flags, stderr *logqueue.Queue) error {
	signal.Ignore(syscall.SIGPIPE) // it comes when the log has lost its reader, as while journald restarts
	level := new(slog.LevelVar)
	log := newLog(f.logFormat, level, stderr)
	memory := divideMemory(ctx, log, memlimit.FromCgroup)
	if f.pidfile != "" {
		if err := os.WriteFile(f.pidfile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
			return fmt.Errorf("-pidfile: %w", err)
		}
		defer os.Remove(f.pidfile)
	}
	c := f.config()
	c.Log, c.Level, c.LogDropped, c.Memory = log, level, stderr.Dropped, memory
	return nodecache.Run(ctx, c)
}

// newLog returns a log that writes to a queue. The libraries' log goes there too.
func newLog(format string, level slog.Leveler, to *logqueue.Queue) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	log := slog.New(slog.NewTextHandler(to, o))
	if format == "json" {
		log = slog.New(slog.NewJSONHandler(to, o))
	}
	to.OnLoss(func(lines uint64) {
		log.Warn("lines of the log were dropped: nobody read them in time", "count", lines)
	})
	slog.SetDefault(log) // package log writes to it from here on
	slog.SetLogLoggerLevel(slog.LevelWarn)
	return log
}
