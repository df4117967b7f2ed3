package testkit

import (
	"testing"

	"github.com/neardns/neardns/internal/wire"
)

// Name returns the name in wire form that text writes, with or without a final dot.
func Name(t testing.TB, text string) wire.Name {
	t.Helper()
	n, err := wire.ParseName(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Names is Name for each text.
func Names(t testing.TB, texts ...string) (names []wire.Name) {
	t.Helper()
	for _, text := range texts {
		names = append(names, Name(t, text))
	}
	return names
}
