"""Waits until nova-compute has reported itself, then maps its host into the cell, so that instances may be placed on it."""

import subprocess
import sys
import time

from cloud_api import COMPUTE, Cloud

cloud = Cloud()
end = time.monotonic() + 180
while not cloud.get(f"{COMPUTE}/os-services?binary=nova-compute")["services"]:
    if time.monotonic() > end:
        sys.exit("nova-compute did not report itself within 180 s")
    time.sleep(0.5)
discover = ["nova-manage", "cell_v2", "discover_hosts", "--verbose"]
while "Creating host mapping" not in subprocess.run(
    ["runuser", "-u", "nova", "--", *discover], check=True, capture_output=True, text=True
).stdout:
    if time.monotonic() > end:
        sys.exit("nova-compute's host could not be mapped within 180 s")
    time.sleep(0.5)
