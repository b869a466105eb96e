"""Waits until the services that are spoken to by messages have taken up their queues: a message sent before that is lost."""

import sys
import time

import amqp

from cloud_api import SETTINGS

QUEUES = ["conductor", "scheduler", "compute.devcloud", "dhcp_agent.devcloud", "taskmanager", "trove-conductor"]


def consumers(queue):
    """How many listen to a queue; 0 where there is none. A failed question closes its channel, so each has its own."""
    try:
        with connection.channel() as channel:
            return channel.queue_declare(queue, passive=True).consumer_count
    except amqp.exceptions.NotFound:
        return 0


end = time.monotonic() + 180
waiting = QUEUES
with amqp.Connection("127.0.0.1:5672", userid="trovestack", password=SETTINGS["secrets"]["messaging"]) as connection:
    while waiting := [queue for queue in waiting if not consumers(queue)]:
        if time.monotonic() > end:
            sys.exit(f"nobody listens to: {', '.join(waiting)}")
        time.sleep(0.3)
