"""Makes the flat network that database instances are attached to, with a subnet in the devcloud's own range."""

from cloud_api import NETWORK, SETTINGS, Cloud

cloud = Cloud()
network = cloud.ensure(
    NETWORK,
    "network",
    {
        "name": "databases",
        "shared": True,
        "provider:network_type": "flat",
        "provider:physical_network": "physnet1",
        "port_security_enabled": False,
    },
)
instances = SETTINGS["instances"]
cloud.ensure(
    NETWORK,
    "subnet",
    {
        "network_id": network["id"],
        "name": "databases",
        "ip_version": 4,
        "cidr": instances["cidr"],
        "gateway_ip": instances["gateway"],
        "allocation_pools": [{"start": instances["first"], "end": instances["last"]}],
        "enable_dhcp": True,
    },
)
