#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# fresh.sh [TARGET...] - make these targets (default: run) in a clone of this checkout's HEAD, on a
# Debian that has nothing but itself, git's clone and make: a debootstrap chroot, thrown away
# afterwards. Needs root and debootstrap; packages come from where this machine's do.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
	echo "fresh.sh: needs root and debootstrap" >&2
	exit 2
fi
mirror=$(apt-get indextargets --format '$(SITE)' | sort | uniq -c | sort -rn |
	awk 'NR == 1 { print $2 }')
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
top=$(mktemp -d)
root=$top/root
trap 'rm -rf --one-file-system "$top"' EXIT
trap 'exit 130' INT TERM

debootstrap --variant=minbase --include=make "$suite" "$root" "$mirror" >"$top/log" 2>&1 || {
	tail -n 20 "$top/log" >&2
	exit 2
}
if [ -e /etc/resolv.conf ]; then
	cp /etc/resolv.conf "$root/etc/resolv.conf"
fi
git clone -q . "$root/srv/mbkit"

# What is mounted goes with the namespace of this shell, whatever ends it.
unshare --mount sh -eus "$root" "${@:-run}" <<'INSIDE'
root=$1
shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
mount --rbind /dev "$root/dev"
for target; do
	start=$(date +%s)
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ chroot "$root" \
		make --no-print-directory -C /srv/mbkit "$target" </dev/null
	echo "fresh.sh: make $target took $(($(date +%s) - start)) s"
done
INSIDE
