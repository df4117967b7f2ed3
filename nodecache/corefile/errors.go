package corefile

import (
	"log/slog"
	"regexp"
	"strings"

	"github.com/neardns/neardns/nodecache/querylog"
)

// maxPattern is the longest pattern that consolidate takes, in bytes.
const maxPattern = 10000

// errors reads [stdout] { stacktrace, consolidate ... }.
func (d *directive) errors() error {
	args, err := d.args(0, 1, "errors")
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] != "stdout" {
		return d.errorf("%q, expected no file: errors go where the log goes", args[0])
	}
	e := &querylog.Errors{}
	d.block.Errors = e
	return d.options(func() error {
		switch d.option {
		case "stacktrace":
			return d.ignore("errors have no stack, and a panic is always logged with its own")
		case "consolidate":
			return d.consolidate(e)
		}
		return d.noOption("stacktrace", "consolidate")
	})
}

// consolidate reads DURATION REGEXP [LEVEL] [show_first].
func (d *directive) consolidate(e *querylog.Errors) error {
	const usage = "consolidate DURATION REGEXP [debug|info|warning|error] [show_first]"
	args, err := d.args(2, 4, usage)
	if err != nil {
		return err
	}
	c := querylog.Consolidate{Level: slog.LevelError}
	if c.Period, err = d.duration(args[0], 1); err != nil {
		return err
	}
	if len(args[1]) > maxPattern {
		return d.errorf("a pattern of %d bytes, expected %d at most", len(args[1]), maxPattern)
	}
	if c.Pattern, err = regexp.Compile(args[1]); err != nil {
		return d.errorf("%v", err)
	}
	rest := args[2:]
	if len(rest) > 0 {
		if level, ok := errorLevel(rest[0]); ok {
			c.Level, rest = level, rest[1:]
		}
	}
	if c.ShowFirst = len(rest) == 1 && rest[0] == "show_first"; !c.ShowFirst && len(rest) > 0 {
		return d.errorf("%q, expected %s", strings.Join(rest, " "), usage)
	}
	e.Consolidate = append(e.Consolidate, c)
	return nil
}

// errorLevel returns the level that a word names.
func errorLevel(word string) (level slog.Level, ok bool) {
	switch word {
	case "debug":
		return slog.LevelDebug, true
	case "info":
		return slog.LevelInfo, true
	case "warning":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return 0, false
}
