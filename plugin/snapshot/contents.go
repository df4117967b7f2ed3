package snapshot

import (
	"github.com/neardns/neardns/plugin/object"
	"github.com/neardns/neardns/plugin/zone"
)

// contents are the records of a whole file.
type contents struct {
	namespaces []string
	services   []*zone.Service
	slices     []*zone.Slice
	pods       []*zone.Pod
	imports    []*zone.Service
	imported   []*zone.Slice

	skipped []object.Problem // parts that an API server lets pass as well
	remarks remarks
}

// write makes the records the only ones. What a Service leads to is written before it, and
// a namespace after all that stands in it, so that nobody finds half of a new one.
func (c *contents) write(cfg *Config) {
	w := cfg.Writer
	if cfg.Endpoints {
		w.ReplaceSlices(zone.Local, "", c.slices)
	}
	w.ReplaceServices(zone.Local, "", c.services)
	if cfg.Imports {
		w.ReplaceSlices(zone.Imported, "", c.imported)
		w.ReplaceServices(zone.Imported, "", c.imports)
	}
	if cfg.Pods {
		w.ReplacePods("", c.pods)
	}
	w.ReplaceNamespaces("", c.namespaces)
	w.SetSynced()
	for _, p := range c.skipped {
		cfg.Translator.Skipped(p)
	}
}
