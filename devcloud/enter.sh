#!/bin/sh
# Runs in fresh mount, pid, uts, ipc and net namespaces: joins the layers of a devcloud into one root, leaves the
# host's tree, and becomes the supervisor. Standard input is handed on to it.
# Usage: enter.sh ROOT LOWER_FOLDERS UPPER WORK INNER_FOLDER [kvm]
set -eu
root=$1 lower=$2 upper=$3 work=$4 inner=$5 accelerator=${6:-}

# mount(8) from util-linux 2.39 on hands options over one by one, each of at most 255 characters: too few for the layers.
export LIBMOUNT_FORCE_MOUNT2=always
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  name=${node%%:*} numbers=${node#*:}
  mknod -m 666 "$root/dev/$name" c "${numbers%:*}" "${numbers#*:}"
done
mkdir "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
mknod -m 666 "$root/dev/net/tun" c 10 200
if [ "$accelerator" = kvm ]; then mknod -m 666 "$root/dev/kvm" c 10 232; fi
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -m 1777 "$root/run/lock"
mkdir -m 755 "$root/run/trovestack"
cp "$inner"/* "$root/run/trovestack/"

hostname devcloud
rm -f "$root/etc/hosts" "$root/etc/resolv.conf"
printf '127.0.0.1 localhost devcloud\n' > "$root/etc/hosts"
: > "$root/etc/resolv.conf"

mkdir -p "$root/.host"
cd "$root"
pivot_root . .host
umount -l /.host
exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
  /usr/bin/python3 -B /run/trovestack/supervisor.py
