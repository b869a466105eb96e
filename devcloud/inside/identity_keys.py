"""Makes the keys that Keystone's tokens and credentials are encrypted with, where there are none yet."""

import os
import pwd

from cryptography.fernet import Fernet

KEYSTONE = pwd.getpwnam("keystone")

for folder in ("/etc/keystone/fernet-keys", "/etc/keystone/credential-keys"):
    if os.path.isdir(folder) and os.listdir(folder):
        continue
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chown(folder, KEYSTONE.pw_uid, KEYSTONE.pw_gid)
    for name in ("0", "1"):
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as key:
            key.write(Fernet.generate_key())
        os.chown(path, KEYSTONE.pw_uid, KEYSTONE.pw_gid)
