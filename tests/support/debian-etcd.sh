#!/bin/sh
# Unpacks Debian's etcd (3.4 on Debian 12) into .cache/debian-etcd, as an ordinary user, once.
# Where that cannot be done it says so and succeeds: the tests that need it skip with their reason.
set -u
cd "$(dirname "$0")/../.." || exit 1
dest=.cache/debian-etcd
if [ -x "$dest/usr/bin/etcd" ] && [ -x "$dest/usr/bin/etcdctl" ]; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
	echo "note: no apt here: tests on Debian's etcd 3.4 need one on PATH, or are skipped"
	exit 0
fi
mkdir -p .cache/debs && cd .cache/debs || exit 0
if ! apt-get download etcd-server etcd-client >/dev/null 2>&1; then
	[ "$(id -u)" = 0 ] && apt-get update >/dev/null 2>&1
	if ! apt-get download etcd-server etcd-client >/dev/null 2>&1; then
		echo "note: apt-get could not download etcd-server (try apt-get update): tests on etcd 3.4 are skipped"
		exit 0
	fi
fi
for deb in etcd-server_*.deb etcd-client_*.deb; do dpkg-deb -x "$deb" ../debian-etcd; done
cd ../.. && rm -rf .cache/debs
echo "unpacked $("$dest/usr/bin/etcd" --version | head -n 1) into $dest"
