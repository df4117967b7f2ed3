#!/bin/sh
# Installs the Debian packages that the tests need. If it can't, it names them.
set -eu

PATH="$PATH:/usr/sbin:/sbin" # where unbound and other servers are
missing=
need() { # a command, and the packages that it is in
	command -v "$1" >/dev/null || missing="$missing $2"
}
need dig bind9-dnsutils
need unbound unbound
need dnsmasq dnsmasq-base
need named bind9
need dnsperf dnsperf
need ip iproute2
need nft nftables
need conntrack conntrack
need iptables iptables
need gcc "gcc libc6-dev" # the race detector is linked with it

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "The tests need packages that are not installed:$missing" >&2
	exit 1
fi
apt-get update -qq
# shellcheck disable=SC2086 # a list
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
