#!/bin/sh
# Makes the bridge between the instances' flat network and the devcloud's namespace.
# Usage: set_up_bridge.sh [GATEWAY/PREFIX]
set -eu
ovs-vsctl --timeout=30 --may-exist add-br br-ex -- set bridge br-ex datapath_type=netdev fail_mode=standalone
if [ $# -gt 0 ]; then ip address replace "$1" dev br-ex; fi
ip link set br-ex up mtu 1500
