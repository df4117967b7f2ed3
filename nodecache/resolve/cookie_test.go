package resolve

import (
	"encoding/hex"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestCookieOnly answers a query without a question that has a cookie (RFC 7873, section 5.4):
// with a cookie of ours, and BADCOOKIE where the server's part was none of ours, or is too old
// (RFC 9018, section 4.3). Without a cookie there must be a question.
func TestCookieOnly(t *testing.T) {
	const client = "0102030405060708"
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		good := hex.EncodeToString(r.Cookies.Append(nil, []byte{1, 2, 3, 4, 5, 6, 7, 8}, r.client.Addr(), time.Now()))
		for _, tt := range []struct{ words, want string }{
			{"cookie=" + client, "NOERROR noquestion; OPT 1232 cookie=" + client + "+16"},
			{"tcp cookie=" + client, "NOERROR noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=" + good, "NOERROR noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=" + client + strings.Repeat("ab", 16), "BADCOOKIE noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=" + client + strings.Repeat("ab", 8), "BADCOOKIE noquestion; OPT 1232 cookie=" + client + "+16"},
			{"cookie=01020304050607", "FORMERR noquestion; OPT 1232"},
			{"edns", "FORMERR noquestion; OPT 1232"},
			{"", "FORMERR noquestion"},
		} {
			r.want("a. questions=0 "+tt.words, tt.want)
		}
		r.asked()
		time.Sleep(61 * time.Minute)
		r.want("a. questions=0 cookie="+good, "BADCOOKIE noquestion; OPT 1232 cookie="+client+"+16")
	})
}
