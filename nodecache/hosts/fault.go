package hosts

import "strconv"

// Fault is something in a hosts file that was skipped. It is an error.
type Fault struct {
	File   string
	Line   int    // from 1
	Text   string // what is wrong, cut to 64 bytes
	Reason string
}

// Error names file, line, text and reason.
func (f Fault) Error() string {
	return f.File + ":" + strconv.Itoa(f.Line) + ": " + strconv.Quote(f.Text) + ": " + f.Reason
}

const maxText = 64

func (p *parser) fault(text, reason string) {
	if len(p.faults) == maxFaults {
		return
	}
	p.faults = append(p.faults, Fault{p.file, p.line, text[:min(len(text), maxText)], reason})
}
