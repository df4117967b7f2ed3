package zone

// ahead knows which objects came before their namespace did. A namespace exists while there are such
// objects, although its own watch does not say so yet: the API server accepts no object of a namespace
// that is not there, and keeps a namespace until the last of its objects is gone.
type ahead struct {
	live      bool                        // a list was written, so that what comes now are events
	witnesses map[string]map[witness]bool // by namespace
}

// witness is an object whose namespace the namespaces' watch has not told of.
type witness struct {
	kind kind
	set  Set
	name string
}

// kind is the resource of a witness.
type kind uint8

const (
	services kind = iota
	endpoints
	pods
)

// told forgets the witnesses of a namespace: its own watch tells of it now.
func (a *ahead) told(namespace string) { delete(a.witnesses, namespace) }

// witnessed makes a namespace exist for the sake of an object.
func (w *Writer) witnessed(namespace string, o witness) {
	all := w.ahead.witnesses[namespace]
	if w.options.SomeNamespaces || all == nil && w.namespaceExists(namespace) {
		return
	}
	if all == nil {
		all = map[witness]bool{}
		w.ahead.witnesses[namespace] = all
	}
	all[o] = true
	w.addNamespace(namespace)
}

// retract takes back what witnessed did, as the object is gone.
func (w *Writer) retract(namespace string, o witness) {
	all := w.ahead.witnesses[namespace]
	if !all[o] {
		return
	}
	if delete(all, o); len(all) == 0 {
		w.ahead.told(namespace)
		w.removeNamespace(namespace)
	}
}
