/** The engine's own acts in an image's tree, as scripts for its shell. They are part of the step keys: a changed text is run. */

/** Before the first hook inside: no service starts in a build; elements' commands come into the path (upstream's element
 * install-bin); the resolver's configuration is set aside as upstream does it. */
export const prepare = `set -eu
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
rm -f /etc/resolv.conf
: > /etc/resolv.conf
if [ -d /tmp/in_target.d/bin ]; then
  mkdir -p /usr/local/bin
  install -m 755 /tmp/in_target.d/bin/* /usr/local/bin/
fi
`;

/** The same for an image that is what its elements make of it: a resolver configuration that was there comes back at the
 * end, and it is for the elements to keep services from starting.
 */
export const prepareAsUpstream = `set -eu
if [ -e /etc/resolv.conf ] || [ -L /etc/resolv.conf ]; then mv -f /etc/resolv.conf /etc/resolv.conf.ORIG; fi
: > /etc/resolv.conf
if [ -d /tmp/in_target.d/bin ]; then
  mkdir -p /usr/local/bin
  install -m 755 /tmp/in_target.d/bin/* /usr/local/bin/
fi
`;

/** INITRD=No: the initramfs is made once, when all that goes into it is there. */
export const installPackages = `set -eu
INITRD=No install-packages "$@"
`;

export const removePackages = `set -eu
install-packages -e "$@"
`;

/** Upstream's element install-static: links stay links, folders that are there keep their mode. */
export const installStatic = `set -eu
cp -R --no-target-directory /tmp/in_target.d/static /
`;

/** A kernel's package links /vmlinuz to its kernel, and /initrd.img to its initramfs if there is one by then. */
export const initramfs = `set -eu
if command -v update-initramfs > /dev/null; then update-initramfs -c -k all; fi
for old in '' .old; do
  kernel=$(readlink "/vmlinuz$old" || true)
  made=boot/initrd.img-\${kernel#boot/vmlinuz-}
  if [ -n "$kernel" ] && [ -e "/$made" ] && [ ! -L "/initrd.img$old" ]; then ln -s "$made" "/initrd.img$old"; fi
done
`;

/** What disk-image-create does at the end to any image, and identities that first boot makes again. */
export const finishAsUpstream = `set -eu
cd "$TARGET_ROOT"
if [ -L etc/resolv.conf ]; then
  rm -f etc/resolv.conf.ORIG
else
  rm -f etc/resolv.conf
  if [ -e etc/resolv.conf.ORIG ] || [ -L etc/resolv.conf.ORIG ]; then mv etc/resolv.conf.ORIG etc/resolv.conf; fi
fi
if [ -e etc/machine-id ]; then : > etc/machine-id; fi
rm -f var/lib/systemd/random-seed var/cache/ldconfig/aux-cache
if [ -d tmp ]; then find tmp -mindepth 1 -xdev -delete; fi
if [ -d var/log ]; then find var/log -type f -exec truncate --size 0 {} +; fi
if [ -d root ]; then find root -name '*.log' -type f -delete; fi
`;

/** What no image may carry: identities, which first boot makes, and traces of the build. */
export const hygiene = `set -eu
cd "$TARGET_ROOT"
rm -f usr/sbin/policy-rc.d etc/resolv.conf.ORIG etc/.resolv.conf.systemd-resolved.bak etc/hostname
if [ -e etc/machine-id ]; then : > etc/machine-id; fi
rm -f var/lib/dbus/machine-id etc/ssh/ssh_host_*_key etc/ssh/ssh_host_*_key.pub
rm -rf var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/* var/cache/ldconfig/aux-cache var/cache/debconf/*-old
rm -f var/lib/dpkg/*-old root/*.log var/lib/systemd/random-seed
find var/log -type f -exec truncate --size 0 {} +
find tmp var/tmp run -mindepth 1 -xdev -delete
`;
