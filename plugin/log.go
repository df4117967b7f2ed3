package kubernetes

import (
	"fmt"
	"log/slog"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/neardns/neardns/internal/logqueue"
)

// log is where all of the plugin logs. Nobody waits for it: a standard output that nobody reads
// must not hold up the records.
var log = newLogger(clog.NewWithPlugin(pluginName))

// logRoom is how many bytes of lines may wait to be written.
const logRoom = 64 << 10

// logger passes lines on to CoreDNS's log.
type logger struct{ queue *logqueue.Queue }

func newLogger(to clog.P) logger {
	q := logqueue.New(logRoom, func(l logqueue.Line) error {
		switch l.Level {
		case slog.LevelError:
			to.Error(l.Text)
		case slog.LevelWarn:
			to.Warning(l.Text)
		default:
			to.Info(l.Text)
		}
		return nil
	})
	q.OnLoss(func(lines uint64) {
		to.Warningf("%d lines of this plugin's log were dropped: nobody read them in time", lines)
	})
	return logger{q}
}

// FlushLog waits until the plugin's lines are written, for 10 s at most. It is for a program that
// is about to end.
func FlushLog() { log.queue.Flush(10 * time.Second) }

func (l logger) put(level slog.Level, text string) {
	_ = l.queue.Put(logqueue.Line{Level: level, Text: text}) // the queue counts what it drops
}

// Info logs a line.
func (l logger) Info(text string) { l.put(slog.LevelInfo, text) }

// Warning logs what someone should look at.
func (l logger) Warning(text string) { l.put(slog.LevelWarn, text) }

// Infof is Info with a format.
func (l logger) Infof(format string, args ...any) { l.Info(fmt.Sprintf(format, args...)) }

// Warningf is Warning with a format.
func (l logger) Warningf(format string, args ...any) { l.Warning(fmt.Sprintf(format, args...)) }

// Errorf logs what does not work.
func (l logger) Errorf(format string, args ...any) {
	l.put(slog.LevelError, fmt.Sprintf(format, args...))
}
