#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# install.sh GROUP... - make sure the Debian packages of these groups are there: build, check (the
# tests), bench (who is compared with), fuzz, lint, deb. Installs only what is missing; exit 2 with
# one line to type when it may not.
set -eu

build='gcc make pkg-config libc6-dev libpcap-dev libc-ares-dev libnet1-dev liblua5.4-dev libssl-dev
	libjansson-dev libcap-ng-dev libmnl-dev uthash-dev'
check='python3 python3-pytest python3-pytest-xdist python3-scapy python3-hypothesis tshark iproute2
	nftables iptables binutils groff-base git curl
	dpkg-dev'
bench='python3 iproute2 traceroute mtr-tiny iperf3 python3-scapy ethtool iptables'
fuzz='clang'
lint='clang-format clang-tidy'
deb='dpkg-dev binutils'
# What pkg-config calls the libraries among them.
libraries='libpcap libcares lua5.4 libcrypto jansson libcap-ng libmnl'

wanted=
for group; do
	case $group in
	build) wanted="$wanted $build" ;;
	check) wanted="$wanted $check" ;;
	bench) wanted="$wanted $bench" ;;
	fuzz) wanted="$wanted $fuzz" ;;
	lint) wanted="$wanted $lint" ;;
	deb) wanted="$wanted $deb" ;;
	*)
		echo "install.sh: no group of packages is called $group" >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null; then
	# Not Debian: what these packages bring cannot be told by their names.
	if command -v pkg-config >/dev/null && pkg-config --exists $libraries; then
		exit 0
	fi
	echo "This is not Debian; install what its packages hold, then make again:" $wanted >&2
	exit 2
fi

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null) || status=
	case " $status" in
	*' installed '*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "Packages are missing; type: sudo apt-get install$missing" >&2
	exit 2
fi

echo "installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
get() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends "$@" \
		>"$log" 2>&1 </dev/null
}
# The package lists may be missing or too old: fetch them only then.
get install $missing || { get update && get install $missing; } || {
	cat "$log" >&2
	echo "install.sh: could not install$missing" >&2
	exit 2
}
