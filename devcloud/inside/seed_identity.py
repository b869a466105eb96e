"""Makes the service project, and each service's user, catalogue entry and endpoints.

The endpoints' addresses are those of the initialisation; personalise_identity.py puts in a devcloud's own.
"""

from cloud_api import IDENTITY, SETTINGS, Cloud

cloud = Cloud()
project = cloud.ensure(IDENTITY, "project", {"name": "service", "domain_id": "default"})
roles = [cloud.ensure(IDENTITY, "role", {"name": name}) for name in ("admin", "service")]

for entry in SETTINGS["services"]:
    password = SETTINGS["secrets"]["service"]
    user = cloud.ensure(IDENTITY, "user", {"name": entry["name"], "domain_id": "default", "password": password})
    for role in roles:
        cloud.put(f"{IDENTITY}/projects/{project['id']}/users/{user['id']}/roles/{role['id']}")
    service = cloud.ensure(IDENTITY, "service", {"name": entry["name"], "type": entry["type"]})
    for interface in ("public", "internal", "admin"):
        endpoint = {
            "service_id": service["id"],
            "region_id": "RegionOne",
            "interface": interface,
            "url": f"http://{SETTINGS['address']}:{entry['port']}{entry['path']}",
        }
        cloud.ensure(IDENTITY, "endpoint", endpoint, same=("service_id", "interface"))
