#!/bin/sh
# make-root.sh PROGRAM DIRECTORY: the whole content of the container image in DIRECTORY: the program, the libraries that it loads, the
# certificates that it trusts, the time zones that conditions may name, and nothing else: no shell, no package manager. All of it comes from this machine's Debian packages.
set -eu
[ $# = 2 ] || { echo "usage: make-root.sh PROGRAM DIRECTORY" >&2; exit 2; }
program=$1
root=$2
[ -x "$program" ] || { echo "make-root.sh: $program is no program; ./dev build makes it" >&2; exit 1; }
[ ! -e "$root" ] || { echo "make-root.sh: $root exists" >&2; exit 1; }

# libcurl is loaded at run time, so that ldd of the program does not name it.
curl=$(ldconfig -p | sed -n 's/^.*libcurl\.so\.4 .* => //p' | head -n 1)
[ -n "$curl" ] || { echo "make-root.sh: libcurl4 is not installed" >&2; exit 1; }

mkdir -p "$root/usr/sbin" "$root/etc/ssl/certs" "$root/tmp"
chmod 1777 "$root/tmp"
# Each where the loader looks for it, under its own name.
for file in $(ldd "$program" "$curl" | sed -n 's/^[^/]*\(\/[^ ]*\) (.*$/\1/p' | sort -u) "$curl"; do
  mkdir -p "$root$(dirname "$file")"
  cp -L "$file" "$root$file"
done
cp "$program" "$root/usr/sbin/towpath-coordinator"
strip --strip-unneeded "$root/usr/sbin/towpath-coordinator"
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"; fi
if [ -d /usr/share/zoneinfo ]; then mkdir -p "$root/usr/share" && cp -a /usr/share/zoneinfo "$root/usr/share/"; fi
echo 'nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
