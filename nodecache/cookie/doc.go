// Package cookie makes and checks the server's part of DNS cookies (RFC 7873) in the form that
// all servers of an anycast set share (RFC 9018, section 4):
//
//	client cookie   8 bytes, as received
//	version         1 byte, 1
//	reserved        3 bytes, 0
//	timestamp       4 bytes, seconds
//	hash            8 bytes: SipHash-2-4 over all of the above and the client's address
//
// A client that shows a valid cookie has received an answer at its address before. Cookies are
// offered and not demanded: BADCOOKIE is never sent (RFC 7873, section 5.2.3 and 5.2.4).
package cookie
