"""A devcloud's own APIs, asked as its administrator over plain HTTP. Settings: /run/trovestack/settings.json."""

import json
import time
import urllib.error
import urllib.request

with open("/run/trovestack/settings.json", encoding="utf-8") as settings_file:
    SETTINGS = json.load(settings_file)

IDENTITY = "http://127.0.0.1:5000/v3"
COMPUTE = "http://127.0.0.1:8774/v2.1"
NETWORK = "http://127.0.0.1:9696/v2.0"


class Cloud:
    def __init__(self):
        user = {"name": "admin", "domain": {"id": "default"}, "password": SETTINGS["secrets"]["admin"]}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        _, headers = request("POST", f"{IDENTITY}/auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        self.token = headers["X-Subject-Token"]

    def get(self, url):
        return request("GET", url, token=self.token)[0]

    def post(self, url, body):
        return request("POST", url, body, self.token)[0]

    def put(self, url, body=None):
        return request("PUT", url, body, self.token)[0]

    def ensure(self, base, kind, wanted, same=("name",)):
        """The resource with these names, made when it isn't there. Kinds are singular."""
        for found in self.get(f"{base}/{kind}s")[f"{kind}s"]:
            if all(found.get(key) == wanted[key] for key in same):
                return found
        return self.post(f"{base}/{kind}s", {kind: wanted})[kind]


def request(method, url, body=None, token=None):
    """The answer's JSON and headers. Asks again for a while where the service isn't up yet."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
    end = time.monotonic() + 120
    while True:
        try:
            asked = urllib.request.Request(url, data, headers, method=method)
            with urllib.request.urlopen(asked, timeout=60) as answer:
                text = answer.read()
                return (json.loads(text) if text else None), answer.headers
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > end:
                raise SystemExit(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from error
        except OSError as error:
            if time.monotonic() > end:
                raise SystemExit(f"{method} {url}: {error}") from error
        time.sleep(0.2)
