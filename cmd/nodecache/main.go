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

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/neardns/neardns/nodecache"
	"github.com/neardns/neardns/nodecache/hostnet"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code: 0, 1 for what failed, 2 for a wrong command line.
func run(args []string) int {
	f, err := parseFlags(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "nodecache:", err)
		return 2
	case f.version:
		fmt.Println("nodecache", versionText())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case f.checkOnly:
		err = nodecache.Check(f.config(nil, nil), os.Stdout)
	case f.remove:
		err = hostnet.RemoveRedirect()
	case f.probe != "":
		err = nodecache.Probe(ctx, f.probe)
	default:
		err = serve(ctx, f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nodecache:", err)
		return 1
	}
	return 0
}

// serve runs the resolver.
func serve(ctx context.Context, f *flags) error {
	level := new(slog.LevelVar)
	log := newLog(f.logFormat, level)
	limitMemory(ctx, log, memlimit.FromCgroup)
	if f.pidfile != "" {
		if err := os.WriteFile(f.pidfile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil { // #nosec G306 -- to be read
			return fmt.Errorf("-pidfile: %w", err)
		}
		defer os.Remove(f.pidfile)
	}
	return nodecache.Run(ctx, f.config(log, level))
}

// newLog returns a log that writes to standard error.
func newLog(format string, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
