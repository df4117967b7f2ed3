package node

// confine becomes a node cache that is confined to a folder.
func confine(dir string, args []string) error { return nil }
