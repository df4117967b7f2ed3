package lane

import "github.com/neardns/neardns/plugin/reply"

// appendLabels appends the labels of a text such as "ns.dns.", which has no escapes. It ends in a
// dot, and the root's 0 is not appended.
func appendLabels(dst []byte, text string) []byte {
	at := len(dst) // of the label's length
	dst = append(append(dst, 0), text...)
	setLengths(dst[at:])
	return dst[:len(dst)-1]
}

// setLengths turns text behind a free byte into labels: the length of a label takes the place of the
// dot before it. The last dot keeps its place.
func setLengths(b []byte) {
	at := 0
	for i := 1; i < len(b); i++ {
		if b[i] == '.' {
			b[at], at = byte(i-at-1), i
		}
	}
}

// appendName appends a name that is given as text, with or without a dot at its end, and has no
// escapes.
func appendName(dst []byte, text string) []byte {
	at := len(dst)
	dst = append(append(dst, 0), text...)
	if text == "" || text[len(text)-1] != '.' {
		dst = append(dst, '.')
	}
	setLengths(dst[at:])
	dst[len(dst)-1] = 0
	return dst
}

// appendEndpoint appends the labels of a name before its base.
func appendEndpoint(dst []byte, n *reply.Name) []byte {
	if n.Label == "" {
		return dst
	}
	dst = appendLabel(dst, n.Label)
	if n.Cluster != "" {
		dst = appendLabel(dst, n.Cluster)
	}
	return dst
}

func appendLabel(dst []byte, label string) []byte {
	return append(append(dst, byte(len(label))), label...)
}
