"""Puts a devcloud's own passwords and address into Keystone's database, before Keystone starts."""

import re

import bcrypt
import pymysql

from cloud_api import SETTINGS


def password_hash(password):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()


connection = pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", database="keystone", autocommit=True)
with connection.cursor() as cursor:
    cursor.execute("SELECT id, name FROM local_user")
    for user_id, name in cursor.fetchall():
        secret = SETTINGS["secrets"]["admin" if name == "admin" else "service"]
        cursor.execute("UPDATE password SET password_hash = %s WHERE local_user_id = %s", (password_hash(secret), user_id))
    cursor.execute("SELECT id, url FROM endpoint")
    for endpoint_id, url in cursor.fetchall():
        own_url = re.sub(r"^http://[^:/]+", f"http://{SETTINGS['address']}", url)
        cursor.execute("UPDATE endpoint SET url = %s WHERE id = %s", (own_url, endpoint_id))
