package corefile

import (
	"strings"

	"github.com/neardns/neardns/internal/wire"
)

// Log has queries for names below Zone logged if their answers are of one of the classes.
type Log struct {
	Zone    wire.Name
	Success bool
	Denial  bool // NXDOMAIN and NODATA
	Error   bool
}

// log reads [NAMES...] [FORMAT] { class ... }.
func (d *directive) log() error {
	args, err := d.args(0, -1, "")
	if err != nil {
		return err
	}
	if last := len(args) - 1; last > 0 && strings.Contains(args[last], "{") {
		d.remark("FORMAT is passed over: entries are structured, with all that it can name but metadata")
		args = args[:last]
	}
	zones := []wire.Name{{0}}
	if len(args) > 0 {
		if zones, err = d.zones(args); err != nil {
			return err
		}
	}
	var l Log
	if err := d.options(func() error { return d.logClass(&l) }); err != nil {
		return err
	}
	if !l.Success && !l.Denial && !l.Error {
		l.Success, l.Denial, l.Error = true, true, true
	}
	for _, l.Zone = range zones {
		d.block.Log = append(d.block.Log, l)
	}
	return nil
}

// logClass reads class all|success|denial|error ...
func (d *directive) logClass(l *Log) error {
	const usage = "class all|success|denial|error..."
	if d.option != "class" {
		return d.noOption("class")
	}
	args, err := d.args(1, -1, usage)
	for _, class := range args {
		switch class {
		case "all":
			l.Success, l.Denial, l.Error = true, true, true
		case "success":
			l.Success = true
		case "denial":
			l.Denial = true
		case "error":
			l.Error = true
		default:
			return d.errorf("%q, expected %s", class, usage)
		}
	}
	return err
}
