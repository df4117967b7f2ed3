package forward

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/upstream"
)

// TestKey changes each part of a directive that matters to its servers: each change must change the
// Key. A new option of package upstream belongs in Key, or in process if it is the same for all
// forwards.
func TestKey(t *testing.T) {
	process := []string{"Servers", "Node", "Shares", "TLS", "Control", "Clock", "Trace"} // TLS: its sum is in Key
	plain := KeyOf(&corefile.Forward{})
	options := reflect.TypeFor[upstream.Config]()
	for i := range options.NumField() {
		name := options.Field(i).Name
		if slices.Contains(process, name) || !options.Field(i).IsExported() {
			continue
		}
		var f corefile.Forward
		switch v := reflect.ValueOf(&f.Upstream).Elem().Field(i); v.Kind() {
		case reflect.String:
			v.SetString("other")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int, reflect.Int64:
			v.SetInt(1)
		case reflect.Uint8, reflect.Uint16:
			v.SetUint(1)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		case reflect.TypeFor[netip.Addr]().Kind():
			v.Set(reflect.ValueOf(netip.IPv6Loopback()))
		default:
			t.Errorf("%s: the test knows no other value of type %v", name, v.Type())
		}
		if KeyOf(&f) == plain {
			t.Errorf("%s makes no difference", name)
		}
	}
	for _, f := range []corefile.Forward{
		{To: []corefile.To{{Host: "a.example."}}}, {To: []corefile.To{{File: "a.example."}}},
		{To: []corefile.To{{Endpoint: upstream.Endpoint{Proto: upstream.TLS}}}},
		{Resolvers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}}, {TLS: [32]byte{1}},
	} {
		if KeyOf(&f) == plain {
			t.Errorf("%+v makes no difference", f)
		}
	}
	if KeyOf(&corefile.Forward{Pos: corefile.Pos{Line: 2}, NextOnNodata: true}) != plain {
		t.Error("an option of the block makes a difference")
	}
}
