package snapshot

import "time"

const (
	// interval is how often the file is looked at. A change is read at the second look that
	// finds the file the same, so that a file is not taken while it is being written.
	interval = 200 * time.Millisecond

	// granularity is that of the coarsest modification times (FAT has 2 s). Until a file has
	// looked the same for so long, it may have changed without looking different.
	granularity = 2 * time.Second
)

// poll looks at the file once and examines it if it may have changed and has settled.
func (s *Source) poll(now time.Time) {
	seen := look(s.cfg.File)
	if !seen.same(s.seen) {
		s.seen, s.since = seen, now
		return
	}
	if s.examined.Sub(s.since) < granularity {
		s.examine()
		s.examined = now
	}
}

// examine reads the file and takes it if its content is new.
func (s *Source) examine() {
	data, seen, err := read(s.cfg.File)
	if err != nil {
		s.report(err)
		return
	}
	if !seen.same(s.seen) { // changed since poll looked
		return
	}
	if sum := digest(data); sum != s.digest {
		s.digest, s.verdict = sum, s.take(data)
	}
	s.report(s.verdict)
}

// report logs why the file can't be used, unless the last report said so, or nil when it
// can be used again.
func (s *Source) report(err error) {
	switch {
	case err == nil && s.reported != "":
		s.cfg.Log.Infof("%s can be used again", s.cfg.File)
		s.reported = ""
	case err != nil && err.Error() != s.reported:
		s.cfg.Log.Errorf("%v; serving what was read before", err)
		s.reported = err.Error()
	}
}
