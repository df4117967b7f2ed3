package corefile

import (
	"strings"

	"github.com/neardns/neardns/internal/wire"
	"github.com/neardns/neardns/nodecache/querylog"
)

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
	var classes querylog.Class
	if err := d.options(func() error { return d.logClass(&classes) }); err != nil {
		return err
	}
	if classes == 0 {
		classes = querylog.All
	}
	for _, zone := range zones {
		d.block.Log = append(d.block.Log, querylog.Rule{Zone: zone, Classes: classes})
	}
	return nil
}

// logClass reads class all|success|denial|error ... and adds the classes to those read before.
func (d *directive) logClass(classes *querylog.Class) error {
	const usage = "class all|success|denial|error..."
	if d.option != "class" {
		return d.noOption("class")
	}
	args, err := d.args(1, -1, usage)
	for _, arg := range args {
		switch arg {
		case "all":
			*classes |= querylog.All
		case "success":
			*classes |= querylog.Success
		case "denial":
			*classes |= querylog.Denial
		case "error":
			*classes |= querylog.Error
		default:
			return d.errorf("%q, expected %s", arg, usage)
		}
	}
	return err
}
