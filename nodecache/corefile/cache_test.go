package corefile

import (
	"fmt"
	"testing"
	"time"
)

func TestCache(t *testing.T) {
	bounds := func(b *Block) string {
		p := b.Cache.Policy
		return fmt.Sprint(b.Cache.Zones, b.Cache.Success, p.Positive, b.Cache.Denial, p.Denial)
	}
	stale := func(b *Block) string {
		p := b.Cache.Policy
		return fmt.Sprint(b.Cache.Stale, p.Stale, p.StaleTTL, p.Recheck, p.PreferPositive)
	}
	prefetch := func(b *Block) string { return fmt.Sprint(b.Cache.Policy.Prefetch) }
	servfail := func(b *Block) string { return fmt.Sprint(b.Cache.Policy.ServFail) }
	disabled := func(b *Block) string { return fmt.Sprint(b.Cache.NoSuccess, b.Cache.NoDenial) }
	flags := func(b *Block) string { return fmt.Sprint(b.Cache.Policy.KeepTTL, b.Cache.CutOff) }
	for _, test := range []struct {
		text string
		got  func(*Block) string
		want string
	}{
		{"cache", bounds, "[example.org.] 9984 {5 3600} 9984 {5 1800}"},
		{"cache 30", bounds, "[example.org.] 9984 {5 30} 9984 {5 30}"},
		{"cache 30 A.example 10.0.0.0/8", bounds, "[a.example. 10.in-addr.arpa.] 9984 {5 30} 9984 {5 30}"},
		{"cache b.example", bounds, "[b.example.] 9984 {5 3600} 9984 {5 1800}"},
		{"cache {\nsuccess 5000\n}", bounds, "[example.org.] 5000 {5 3600} 9984 {5 1800}"},
		{"cache {\nsuccess 1\ndenial 0\n}", bounds, "[example.org.] 1024 {5 3600} 1024 {5 1800}"},
		{"cache 30 {\nsuccess 5000 60\ndenial 2500 20\n}", bounds, "[example.org.] 5000 {5 60} 2500 {5 20}"},
		{"cache {\nsuccess 5000 60 10\ndenial 2500 20 0\n}", bounds, "[example.org.] 5000 {10 60} 2500 {0 20}"},
		{"cache", prefetch, "{10 1m0s 10}"},
		{"cache {\nprefetch 0\n}", prefetch, "{0 1m0s 10}"},
		{"cache {\nprefetch 20\n}", prefetch, "{20 1m0s 10}"},
		{"cache {\nprefetch 10 2m\n}", prefetch, "{10 2m0s 10}"},
		{"cache {\nprefetch 10 2m 90%\n}", prefetch, "{10 2m0s 90}"},
		{"cache", stale, "{true false 1s} 1h0m0s 30 0s false"},
		{"cache {\nserve_stale off\n}", stale, "{false true 0s} 0s 0 0s false"},
		{"cache {\nserve_stale 0s\n}", stale, "{false true 0s} 0s 0 0s false"},
		{"cache {\nserve_stale\n}", stale, "{true true 0s} 1h0m0s 0 0s false"},
		{"cache {\nserve_stale 2h\n}", stale, "{true true 0s} 2h0m0s 0 0s false"},
		{"cache {\nserve_stale 2h IMMEDIATE 30s 40s\n}", stale, "{true true 0s} 2h0m0s 30 40s false"},
		{"cache {\nserve_stale 2h verify\n}", stale, "{true true -1ns} 2h0m0s 0 0s false"},
		{"cache {\nserve_stale 2h verify 100ms\n}", stale, "{true true 100ms} 2h0m0s 0 0s false"},
		{"cache {\nserve_stale 2h verify 100ms 30s 5m\n}", stale, "{true true 100ms} 2h0m0s 30 5m0s false"},
		{"cache {\nserve_stale 2h verify 0s 30s 1m\nserve_stale 1h\n}", stale, "{true true 0s} 1h0m0s 0 0s false"},
		{"cache {\nserve_stale_policy prefer_positive\nserve_stale\n}", stale, "{true true 0s} 1h0m0s 0 0s true"},
		{"cache", servfail, "{1s 5s}"},
		{"cache {\nservfail 0\n}", servfail, "{0s 0s}"},
		{"cache {\nservfail 5m\n}", servfail, "{5m0s 5m0s}"},
		{"cache", disabled, "[] []"},
		{"cache {\ndisable success\ndisable denial A.example b.example\n}", disabled, "[.] [a.example. b.example.]"},
		{"cache", flags, "false false"},
		{"cache {\nkeepttl\ncut off\n}", flags, "true true"},
	} {
		if got := test.got(block(t, test.text)); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}

func TestCacheErrors(t *testing.T) {
	staleUsage := findDirective("cache").option("serve_stale").usage
	for _, test := range []struct{ text, want string }{
		{"cache 0", `:2: cache: "0", expected a whole number from 1 to 2147483647`},
		{"cache -1", `:2: cache: "-1", expected a whole number from 1 to 2147483647`},
		{"cache a..b", `:2: cache: domain name "a..b": an empty label, expected a zone such as example.com or a network such as 10.0.0.0/8`},
		{"cache\ncache", ":3: cache: the block already has it at Corefile:2, expected it once"},
		{"cache {\nttl 5\n}", `:3: cache: unknown option "ttl", expected success, denial, serve_stale, serve_stale_policy, servfail, prefetch, keepttl, disable or cut`},
		{"cache {\nsuccess\n}", ":3: cache: success: 0 arguments, expected success CAPACITY [TTL] [MINTTL]"},
		{"cache {\nsuccess 1 2 3 4\n}", ":3: cache: success: 4 arguments, expected success CAPACITY [TTL] [MINTTL]"},
		{"cache {\nsuccess -1\n}", `:3: cache: success: "-1", expected a whole number from 0 to 2147483647`},
		{"cache {\nsuccess many\n}", `:3: cache: success: "many", expected a whole number from 0 to 2147483647`},
		{"cache {\ndenial 1 0\n}", `:3: cache: denial: "0", expected a whole number from 1 to 2147483647`},
		{"cache {\ndenial 1 2147483648\n}", `:3: cache: denial: "2147483648", expected a whole number from 1 to 2147483647`},
		{"cache {\ndenial 1 1 -1\n}", `:3: cache: denial: "-1", expected a whole number from 0 to 2147483647`},
		{"cache {\nprefetch\n}", ":3: cache: prefetch: 0 arguments, expected prefetch AMOUNT [DURATION [PERCENTAGE%]]"},
		{"cache {\nprefetch -5\n}", `:3: cache: prefetch: "-5", expected a whole number from 0 to 2147483647`},
		{"cache {\nprefetch 1 2\n}", `:3: cache: prefetch: "2", expected a duration such as 500ms, 30s or 1h`},
		{"cache {\nprefetch 1 -2s\n}", ":3: cache: prefetch: -2s, expected a duration of at least 0s"},
		{"cache {\nprefetch 1 1m 50\n}", `:3: cache: prefetch: "50", expected a percentage from 10% to 90%`},
		{"cache {\nprefetch 1 1m 95%\n}", `:3: cache: prefetch: "95%", expected a percentage from 10% to 90%`},
		{"cache {\nserve_stale 1h later\n}", `:3: cache: serve_stale: "later", expected serve_stale ` + staleUsage},
		{"cache {\nserve_stale 1h immediate 1s 1s 1s\n}", `:3: cache: serve_stale: "immediate 1s 1s 1s", expected serve_stale ` + staleUsage},
		{"cache {\nserve_stale 1h verify 1s 1s 1s 1s\n}", ":3: cache: serve_stale: 6 arguments, expected serve_stale " + staleUsage},
		{"cache {\nserve_stale -1h\n}", ":3: cache: serve_stale: -1h, expected a duration of at least 0s"},
		{"cache {\nserve_stale 1h verify -1s\n}", ":3: cache: serve_stale: -1s, expected a duration of at least 0s"},
		{"cache {\nserve_stale 1h immediate 1500ms\n}", ":3: cache: serve_stale: 1500ms, expected a TTL of whole seconds, 2147483647 at most"},
		{"cache {\nserve_stale 1h immediate 1s 6m\n}", ":3: cache: serve_stale: 6m, expected 5m at most"},
		{"cache {\nserve_stale off 1h\n}", `:3: cache: serve_stale: "off", expected a duration such as 500ms, 30s or 1h`},
		{"cache {\nserve_stale_policy prefer_positive\n}", ":4: cache: serve_stale_policy without serve_stale, expected both"},
		{"cache {\nserve_stale_policy best\n}", `:3: cache: serve_stale_policy: "best", expected serve_stale_policy prefer_positive`},
		{"cache {\nservfail\n}", ":3: cache: servfail: 0 arguments, expected servfail DURATION"},
		{"cache {\nservfail 6m\n}", ":3: cache: servfail: 6m, expected 5m at most"},
		{"cache {\nservfail -1s\n}", ":3: cache: servfail: -1s, expected a duration of at least 0s"},
		{"cache {\ndisable\n}", ":3: cache: disable: 0 arguments, expected disable success|denial [ZONES...]"},
		{"cache {\ndisable all\n}", `:3: cache: disable: "all", expected disable success|denial [ZONES...]`},
		{"cache {\nkeepttl 5\n}", ":3: cache: keepttl: 1 argument, expected keepttl"},
		{"cache {\ncut on\n}", `:3: cache: cut: "on", expected cut off`},
		{"cache {\nkeepttl }\n}", ":3: cache: keepttl: } at the end of a line, expected it on a line of its own"},
		{"cache {\n} more", `:3: cache: "more" after the end, expected a line of its own`},
	} {
		wantError(t, "example.org {\n"+test.text+"\n}\n", "Corefile"+test.want, Options{})
	}
}

// TestStaleTTL shows that a Corefile with serve_stale gets CoreDNS's TTL of 0, though RFC 8767,
// section 4, wants more.
func TestStaleTTL(t *testing.T) {
	for text, want := range map[string]uint32{"1h": 0, "1h immediate": 0, "1h immediate 0s": 0, "1h verify 0s 0s": 0, "1h verify 0s 30s": 30} {
		c := block(t, "cache {\nserve_stale "+text+"\n}").Cache
		if c.Policy.StaleTTL != want || c.Policy.Stale != time.Hour || !c.Stale.Explicit {
			t.Errorf("%s: %+v", text, c)
		}
	}
}
