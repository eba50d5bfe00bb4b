#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# deb.sh VERSION BUILD - a Debian package of what make install puts in place, for this machine's
# architecture and release, as BUILD/mbkit_VERSION_ARCH.deb. What it depends on is what the programs
# are linked to. Needs dpkg-dev, no root.
set -eu

version=$1
build=$2
arch=$(dpkg --print-architecture)
top=$build/deb
root=$top/root

rm -rf "$top"
mkdir -p "$top/debian" "$root/DEBIAN" "$root/usr/share/doc/mbkit"
make --no-print-directory install B="$build" DESTDIR="$root" PREFIX=/usr >"$top/log"
strip --strip-unneeded "$root"/usr/bin/*
gzip -9n "$root"/usr/share/man/man1/*.1
cp LICENSE "$root/usr/share/doc/mbkit/copyright"

# dpkg-shlibdeps wants to stand in a source package.
printf 'Source: mbkit\n\nPackage: mbkit\nArchitecture: any\n' >"$top/debian/control"
depends=$(cd "$top" && dpkg-shlibdeps -O root/usr/bin/* 2>>log | sed -n 's/^shlibs:Depends=//p')
if [ -z "$depends" ]; then
	echo "deb.sh: cannot tell what the programs depend on:" >&2
	cat "$top/log" >&2
	exit 1
fi

cat >"$root/DEBIAN/control" <<-EOF
	Package: mbkit
	Version: $version
	Architecture: $arch
	Maintainer: The mbkit authors <mbkit@localhost>
	Section: net
	Priority: optional
	Depends: $depends
	Installed-Size: $(du -sk "$root/usr" | cut -f1)
	Description: what middleboxes do to packets, and whether Multipath TCP survives it
	 tracebox finds the hop at which a header field or a TCP option is changed. mbtest
	 judges how a TCP or Multipath TCP stack copes with middleboxes, simulated or live.
	 mpprobe tells what a Multipath TCP peer, or a capture, actually does.
EOF
(cd "$root" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$root/DEBIAN/md5sums"
chmod -R u+rwX,go=rX "$root"
dpkg-deb --root-owner-group --build "$root" "$build/mbkit_${version}_$arch.deb" >"$top/log"
rm -rf "$top"
echo "$build/mbkit_${version}_$arch.deb"
