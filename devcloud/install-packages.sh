#!/bin/sh
# Runs in fresh mount and pid namespaces, with the host's network: installs packages into a new layer above others.
# Usage: install-packages.sh ROOT LOWER_FOLDERS UPPER WORK DEBS PACKAGE...
set -eu
root=$1 lower=$2 upper=$3 work=$4 debs=$5
shift 5

# mount(8) from util-linux 2.39 on hands options over one by one, each of at most 255 characters: too few for the layers.
export LIBMOUNT_FORCE_MOUNT2=always
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
mount --bind "$debs" "$root/var/cache/apt/archives"
# The layer below has none of these: no service is started by its package, and the host's resolver is used.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
chroot "$root" apt-get update
chroot "$root" apt-get install --yes --no-install-recommends -o APT::Keep-Downloaded-Packages=true "$@"
rm "$root/usr/sbin/policy-rc.d"
rm -rf "$root/var/lib/apt/lists"/*
