"""Waits until the services that are spoken to by messages have taken up their queues: a message sent before that is lost.

nova-compute takes up its queue as the last act of its start, and says so in Nova's database five seconds later, a delay that
no option changes. Nova's scheduler believes in no host before; so it is told at once.
"""

import sys
import time

import amqp
import pymysql

from cloud_api import SETTINGS

COMPUTE = "compute.devcloud"
QUEUES = [COMPUTE, "conductor", "scheduler", "taskmanager", "trove-conductor"]


def consumers(queue):
    """How many listen to a queue; 0 where there is none. A failed question closes its channel, so each has its own."""
    try:
        with connection.channel() as channel:
            return channel.queue_declare(queue, passive=True).consumer_count
    except amqp.exceptions.NotFound:
        return 0


def report_compute():
    database = pymysql.connect(unix_socket="/run/mysqld/mysqld.sock", user="root", database="nova", autocommit=True)
    with database, database.cursor() as cursor:
        now = "UTC_TIMESTAMP()"
        cursor.execute(f"UPDATE services SET last_seen_up = {now}, updated_at = {now} WHERE `binary` = 'nova-compute'")


end = time.monotonic() + 180
with amqp.Connection("127.0.0.1:5672", userid="trovestack", password=SETTINGS["secrets"]["messaging"]) as connection:
    for queue in QUEUES:
        while not consumers(queue):
            if time.monotonic() > end:
                sys.exit(f"nobody listens to: {queue}")
            time.sleep(0.3)
        if queue == COMPUTE:
            report_compute()
