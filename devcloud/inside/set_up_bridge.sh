#!/bin/sh
# Makes the bridge between the instances' flat network and the devcloud's namespace.
# Usage: set_up_bridge.sh [GATEWAY/PREFIX]
set -eu
ovs-vsctl --timeout=30 --may-exist add-br br-ex -- set bridge br-ex datapath_type=netdev fail_mode=standalone
# ovs-vsctl waits for the switch only when it changed something, and a bridge of an earlier start is in the database already.
tries=300
until ip link show br-ex > /dev/null 2>&1; do
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then echo 'the switch did not make br-ex within 30 s' >&2; exit 1; fi
  sleep 0.1
done
if [ $# -gt 0 ]; then ip address replace "$1" dev br-ex; fi
ip link set br-ex up mtu 1500
