// Package cookie makes and checks DNS cookies of a server (RFC 7873). They have the form that all
// servers of an anycast set share (RFC 9018, section 4):
//
//	client cookie   8 bytes, as received
//	version         1 byte, 1
//	reserved        3 bytes, 0
//	timestamp       4 bytes, seconds
//	hash            8 bytes: SipHash-2-4 over all of the above and the client's address
//
// A client with a valid cookie has received an answer at its address before. We offer cookies
// and do not demand them: a query without a valid one is answered all the same (RFC
// 7873, sections 5.2.3 and 5.2.4). Only a query without a question, which asks for nothing but a
// cookie, gets BADCOOKIE if the server's part in it is not valid (section 5.4).
package cookie
