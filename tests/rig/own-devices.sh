#!/bin/sh
# own-devices.sh COMMAND...: runs it with a /dev of its own, in a mount namespace of its own. diskimage-builder binds /dev into its
# root, and when it fails it removes that root with the mounts still in it: with this, it's a copy that it empties.
set -eu
if [ "${OWN_DEVICES-}" != there ]; then
  exec env OWN_DEVICES=there unshare --mount --propagation private sh "$0" "$@"
fi
unset OWN_DEVICES
copy=$(mktemp -d)
mount -t tmpfs -o mode=0755,nosuid devices "$copy"
mkdir "$copy/net" "$copy/mapper" "$copy/pts" "$copy/shm"
(
  cd /dev
  for node in null zero full random urandom tty fuse kvm net/tun loop-control loop[0-9] loop[0-9][0-9]; do
    if [ -c "$node" ] || [ -b "$node" ]; then cp -a "$node" "$copy/$node"; fi
  done
)
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$copy/pts"
mount -t tmpfs -o mode=1777 shm "$copy/shm"
ln -s pts/ptmx "$copy/ptmx"
ln -s /proc/self/fd "$copy/fd"
ln -s fd/0 "$copy/stdin"
ln -s fd/1 "$copy/stdout"
ln -s fd/2 "$copy/stderr"
mount --rbind "$copy" /dev
umount --recursive --lazy "$copy"
rmdir "$copy"
exec "$@"
