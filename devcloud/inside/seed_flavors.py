"""Makes the flavors that database instances are created with. The ephemeral disk is the database's volume."""

from cloud_api import COMPUTE, Cloud

FLAVORS = [
    {"id": "d1", "name": "db.small", "ram": 1536, "vcpus": 2, "disk": 8, "OS-FLV-EXT-DATA:ephemeral": 1},
    {"id": "d2", "name": "db.medium", "ram": 2560, "vcpus": 2, "disk": 8, "OS-FLV-EXT-DATA:ephemeral": 4},
    {"id": "d3", "name": "db.large", "ram": 4096, "vcpus": 2, "disk": 12, "OS-FLV-EXT-DATA:ephemeral": 16},
]

cloud = Cloud()
for flavor in FLAVORS:
    cloud.ensure(COMPUTE, "flavor", flavor)
