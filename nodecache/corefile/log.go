package corefile

import (
	"log/slog"
	"regexp"
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

func readLog(p *parser, args []string) (err error) {
	if last := len(args) - 1; last > 0 && strings.Contains(args[last], "{") {
		p.remark("FORMAT is ignored: entries are structured, and have everything that it can name except metadata")
		args = args[:last]
	}
	zones := []wire.Name{{0}}
	if len(args) > 0 {
		if zones, err = p.zones(args); err != nil {
			return err
		}
	}
	for _, zone := range zones {
		p.rules = append(p.rules, querylog.Rule{Zone: zone})
	}
	return nil
}

// classes are the words of the option class.
var classes = map[string]querylog.Class{
	"all":     querylog.All,
	"success": querylog.Success,
	"denial":  querylog.Denial,
	"error":   querylog.Error,
}

func logClass(p *parser, args []string) error {
	for _, word := range args {
		class, known := classes[word]
		if !known {
			return p.unexpected(word)
		}
		for i := range p.rules {
			p.rules[i].Classes |= class
		}
	}
	return nil
}

// finishLog logs all classes if no option says which.
func finishLog(p *parser) error {
	for _, r := range p.rules {
		if r.Classes == 0 {
			r.Classes = querylog.All
		}
		p.block.Log = append(p.block.Log, r)
	}
	return nil
}

// maxPattern is the longest pattern that consolidate takes, in bytes.
const maxPattern = 10000

func readErrors(p *parser, args []string) error {
	if len(args) > 0 && args[0] != "stdout" {
		return p.errorf("%q, expected no file: errors go where the log goes", args[0])
	}
	p.block.Errors = &querylog.Errors{}
	return nil
}

// levels are the words for a level in consolidate.
var levels = map[string]slog.Level{
	"debug":   slog.LevelDebug,
	"info":    slog.LevelInfo,
	"warning": slog.LevelWarn,
	"error":   slog.LevelError,
}

func errorsConsolidate(p *parser, args []string) (err error) {
	c := querylog.Consolidate{Level: slog.LevelError}
	if c.Period, err = p.duration(args[0], aboveZero); err != nil {
		return err
	}
	if len(args[1]) > maxPattern {
		return p.errorf("a pattern of %d bytes, expected %d at most", len(args[1]), maxPattern)
	}
	if c.Pattern, err = regexp.Compile(args[1]); err != nil {
		return p.errorf("%v", err)
	}
	rest := args[2:]
	if len(rest) > 0 {
		if level, ok := levels[rest[0]]; ok {
			c.Level, rest = level, rest[1:]
		}
	}
	if c.ShowFirst = len(rest) == 1 && rest[0] == "show_first"; !c.ShowFirst && len(rest) > 0 {
		return p.unexpected(rest...)
	}
	p.block.Errors.Consolidate = append(p.block.Errors.Consolidate, c)
	return nil
}
