// Package nft writes the node cache's rules into the kernel's nf_tables. It also finds the rules
// that another node-local cache has left there, and deletes them.
//
// It sends the messages of linux/netfilter/nf_tables.h itself. Of the library
// github.com/google/nftables it uses the expressions: up to version 0.3.0 that library sends zero
// for the flags of every table, so it can't make a table that belongs to its socket.
//
//	Rules --> Table ---------------------------+
//	          Conn.SetFallback ----------------+--> batch --> Conn --> the kernel takes
//	Foreign (iptables-nft's rules) .Delete ----+                       all of it, or nothing
//	        (iptables-legacy's) names commands
//
// What becomes of a packet in a Table. A set whose name has a * exists for IPv4 and for IPv6:
//
//	prerouting   in by a device of @probes                       notrack, accept
//	             from or to an address of @probe*                drop
//	             in by a device of @outside                      accept
//	    +------> with Rules.Mark, to @own*                       notrack
//	    |        TCP to the port, from a sender noted in @pass*  note again, accept
//	    |        TCP to the port of @own*, not in @begun*        note the sender, accept
//	    |        SYN to the port of @own*, not in @take*         note the sender, accept
//	    |        TCP to the port of @begun*                      notrack
//	    |        UDP to the port, TCP to the health port, @take* notrack
//	    |        UDP and TCP from these ports of @own*           notrack
//	output       as prerouting from --> on
//	input        in by a device of @outside, to the port of @own*  drop
//
// With Rules.AnswerOutside, neither of the two rules about @outside is there. The elements of @take*
// live for Rules.Lifetime, those of @pass* for a minute; all others stay.
package nft
