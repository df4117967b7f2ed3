package corefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReader(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"example.org", "Corefile:1 [{example.org. 53}] false 0"},
		{"example.org\nloop\ncache 30", "Corefile:1 [{example.org. 53}] true 30"}, // braces may be left out
		{"\n\nexample.org\n{\nloop # twice\n}", "Corefile:3 [{example.org. 53}] true 0"},
		{"(a) {\nloop\n}\n\nexample.org {\nimport a\ncache 30\n}", "Corefile:5 [{example.org. 53}] true 30"},
		{"(a) {\nsuccess 5000 30\n}\nexample.org {\ncache {\nimport a\n}\n}", "Corefile:4 [{example.org. 53}] false 30"},
		{"(b) {\ncache {$TTL}\n}\n(a) {\nimport b\nloop\n}\n{$ZONE} x:{%PORT%} {\nimport a\n}", "Corefile:8 [{example.org. 53} {x. 1053}] true 30"},
		{"(a) {\nexample.org {\nloop\n}\n}\nimport a", "Corefile:2 [{example.org. 53}] true 0"},
		{"example.org {\n{$LOOP}\ncache {$TTL}\n}", "Corefile:1 [{example.org. 53}] true 30"},
		{"example{$NONE}.org {\n}", "Corefile:1 [{example.org. 53}] false 0"},
		{"\ufeffexample.org {\r\n\tloop\r\n}\r\n", "Corefile:1 [{example.org. 53}] true 0"},
		{"\"example.org\" {\n\"loop\"\n}", "Corefile:1 [{example.org. 53}] true 0"},
	} {
		env := map[string]string{"TTL": "30", "ZONE": "example.org", "PORT": "1053", "LOOP": "loop"}
		c := parse(t, test.text, Options{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
		b, ttl := c.Blocks[0], uint32(0)
		if b.Cache != nil {
			ttl = b.Cache.Policy.Positive.Max
		}
		if got := fmt.Sprint(b.Pos, " ", b.Keys, b.Loop, " ", ttl); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestReaderErrors(t *testing.T) {
	const noBlock = `Corefile: no server block, expected one of three lines or more: ".:53 {", "forward . /etc/resolv.conf" and "}"`
	for _, test := range []struct{ text, want string }{
		{"", noBlock},
		{"# nothing", noBlock},
		{"(a) {\nloop\n}", noBlock},
		{"a {\nloop", "Corefile:2: the file ends within the block of line 1, expected }"},
		{"a {\ncache {\nsuccess 5", "Corefile:3: the file ends within the block of cache at line 2, expected }"},
		{"a, {\n}", "Corefile:1: a block after a comma, expected another zone"},
		{"{$ZONE} {\nloop\n}", "Corefile:1: a block without a zone, expected one before it; is a variable empty?"},
		{"a,", "Corefile:1: the file ends after a comma, expected another zone"},
		{"a {\nloop }", "Corefile:2: } closes nothing: expected each } on a line of its own"},
		{"(a) {\nloop", "Corefile:2: the file ends within snippet (a), expected }"},
		{"(a) {\n}\n(a) {\n}", "Corefile:3: snippet (a) already exists, expected another name"},
		{"(a)\nloop", "Corefile:2: snippet (a) has no block, expected {"},
		{"a {\nimport\n}", "Corefile:2: import: no argument, expected a snippet, a file or a pattern"},
		{"a {\nimport b c\n}", "Corefile:2: import: expected one argument: a snippet, a file or a pattern"},
		{"a {\nimport \"\"\n}", "Corefile:2: import: expected one argument: a snippet, a file or a pattern"},
		{"a {\nimport /none/file\n}", "Corefile:2: import: /none/file does not exist, expected a file, or a snippet defined above"},
		{"a {\nimport /none/*/*\n}", "Corefile:2: import: /none/*/*: expected one * or ? at most, and no []"},
		{"(a) {\nimport a\n}\nb {\nimport a\n}", "Corefile:2: import: more than 1000 imports or 262144 words; does a import itself?"},
	} {
		wantError(t, test.text, test.want, Options{})
	}
}

// TestImport shows that a Config has the files of imports, that errors name them, and that relative
// imports start at the folder of their file.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := write(t, dir, "sub/a.conf", "import common\na.example {\n    import common\n    forward . 192.0.2.1\n}\n")
	b := write(t, dir, "sub/b.conf", "b.example {\nbind __PILLAR__LOCAL__DNS__\n}\n")
	common := write(t, dir, "sub/common", "")
	corefile := write(t, dir, "Corefile", "import sub/*.conf\n. {\nimport none.*\nforward . 192.0.2.1\n}\n")
	o := Options{Env: noEnv}
	_, err := Load(corefile, o)
	if want := b + ":2: bind: __PILLAR__LOCAL__DNS__ has no value: expected -localip with the addresses to listen on"; err == nil || err.Error() != want {
		t.Fatalf("\n got %v\nwant %s", err, want)
	}
	b = write(t, dir, "sub/b.conf", "b.example {\nforward . 192.0.2.1\n}\n")
	c, err := Load(corefile, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range c.Blocks {
		got = append(got, b.Pos.String())
	}
	if want := []string{a + ":2", b + ":1", corefile + ":2"}; !slices.Equal(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
	if want := []string{corefile, a, b, common}; !slices.Equal(c.Files, want) {
		t.Errorf("\n got %v\nwant %v", c.Files, want)
	}
	if got, want := noteLines(c.Notes), corefile+":3: import: no file matches "+dir+"/none.*"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	write(t, dir, "Corefile", "import Corefile")
	if _, err := Load(corefile, o); err == nil || !strings.HasSuffix(err.Error(), "does Corefile import itself?") {
		t.Error(err)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir, Options{}); err == nil || err.Error() != dir+": not a regular file" {
		t.Error(err)
	}
	if _, err := Load(dir+"/none", Options{}); !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "; -conf names the Corefile") {
		t.Error(err)
	}
	large := write(t, dir, "large", strings.Repeat("#", maxFile+1))
	if _, err := Load(large, Options{}); err == nil || err.Error() != large+": larger than 1048576 bytes" {
		t.Error(err)
	}
}

// TestSum shows what changes the sum.
func TestSum(t *testing.T) {
	const text = "a {\ncache 30 {\nkeepttl\n}\n}\n"
	sum := parse(t, text, Options{}).Sum
	for _, test := range []struct {
		text string
		same bool
	}{
		{text, true},
		{"# a comment\n\na   {\n\n  cache 30 {\n    keepttl # too\n  }\n}\n", true},
		{"a {\ncache 31 {\nkeepttl\n}\n}\n", false},
		{"a b {\ncache 30 {\nkeepttl\n}\n}\n", false},
		{text + "b {\n}\n", false},
	} {
		if got := parse(t, test.text, Options{}).Sum; (got == sum) != test.same {
			t.Errorf("the same: %t, want %t\n%s", got == sum, test.same, test.text)
		}
	}
	path := write(t, t.TempDir(), "resolv.conf", "nameserver 192.0.2.1")
	text2 := "a {\nforward . " + path + "\n}\n"
	c := parse(t, text2, Options{})
	write(t, filepath.Dir(path), "resolv.conf", "nameserver 192.0.2.2")
	if parse(t, text2, Options{}).Sum != c.Sum {
		t.Error("the sum has changed with a file of servers")
	}
	if got := servers(t, c.Blocks[0].Forwards[0]); got != "udp 192.0.2.2:53" {
		t.Errorf("%s: the file is not followed", got)
	}
}
