package forward

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/neardns/neardns/nodecache/corefile"
	"github.com/neardns/neardns/nodecache/upstream"
)

// TestKey changes each part of a directive that matters to its servers. A new option of upstream
// belongs into Key, or into process: those are the same for all forwards.
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
			t.Errorf("%s: what is another %v?", name, v.Type())
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
		t.Error("what is the block's makes a difference")
	}
}
