"""The control plane of a boot proof: RabbitMQ, Trove's task manager and its conductor, as far as one guest meets them.

Usage: control_plane.py PLAN --config-file TROVE_CONF
PLAN is JSON (src/guest/control-plane.ts). Trove's own code makes the instance's records, renders the database's
configuration, casts `prepare` and takes heartbeats; nothing of the guest's is looked at but what it sends and serves. What
happens is told on file descriptor 3, one JSON object a line behind "TROVESTACK".
"""

import json
import os
import re
import socket
import sys
import time
import traceback
import types

import trove.cmd  # makes threads and sockets eventlet's, before anything else has loaded them
from eventlet import spawn, spawn_after
from eventlet.green import subprocess

BROKER_SECONDS = 120
CONNECTED_SECONDS = 60
OUTSIDE_SECONDS = 60
POWER_OFF_SECONDS = 120
REMINDER_SECONDS = 10
MACHINE_SOCKET = "/run/machine.sock"
RESTART_FILE = "/run/restart"


class ProofFailed(Exception):
    """The guest is at fault; `cause` is one of the kinds of src/guest/cause.ts."""

    def __init__(self, cause, detail):
        super().__init__(detail)
        self.cause = cause


def tell(**facts):
    os.write(3, f"TROVESTACK {json.dumps(facts)}\n".encode())


def reached(name):
    tell(milestone=name)


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


class Guest:
    """What is known of the guest by what it has sent."""

    def __init__(self):
        self.is_connected = False
        self.status = None
        self.failure = None

    def await_status(self, wanted, seconds=None):
        """Waits for a heartbeat with a status.
        Without `seconds` it waits as long as the proof lasts: whoever reads our milestones knows when to give up."""
        end = None if seconds is None else time.monotonic() + seconds
        while self.status not in wanted:
            if self.failure:
                raise self.failure
            if end is not None and time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True


def start_broker(address, guest):
    """RabbitMQ, whose log tells who has signed in."""
    broker = subprocess.Popen(
        ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/var/lib/rabbitmq",
            "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_CONFIG_FILE": "/proof-settings/rabbitmq.conf",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none +S 1:1",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        },
    )

    def follow():
        for line in broker.stdout:
            text = line.decode("utf-8", "replace")
            sys.stdout.write(text)
            if f"-> {address}:5672" in text and "authenticated and granted" in text and not guest.is_connected:
                guest.is_connected = True
                reached("agent connected")

    spawn(follow)
    end = time.monotonic() + BROKER_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", 5672), timeout=1).close()
            return
        except OSError:
            if broker.poll() is not None or time.monotonic() > end:
                raise RuntimeError("RabbitMQ did not come up") from None
            time.sleep(0.3)


def start_conductor(guest):
    """Trove's conductor, which writes what guests send to Trove's database; told as well of each message."""
    import oslo_messaging
    from trove import rpc
    from trove.common.rpc import conductor_host_serializer
    from trove.conductor import api, manager

    class Conductor(manager.Manager):
        target = oslo_messaging.Target(version=api.API.API_LATEST_VERSION)

        def heartbeat(self, context, instance_id, payload, sent=None):
            super().heartbeat(context, instance_id, payload, sent)
            guest.status = payload.get("service_status")
            tell(heartbeat=guest.status)
            if guest.status == "failed to spawn":
                spawn_after(5, self.give_up)  # the reason follows in a message of its own

        def give_up(self):
            guest.failure = guest.failure or ProofFailed("", "the agent reports that the database failed")

        def notify_exc_info(self, context, serialized_notification, message, exception):
            words = one_line("".join(exception))
            guest.failure = ProofFailed("", f"prepare failed in the guest: {message}: {words[-1500:]}")

        def notify_end(self, context, serialized_notification, notification_args):
            """Nobody bills for a proof."""

    topic = oslo_messaging.Target(topic="trove-conductor", server="proof", version=api.API.API_LATEST_VERSION)
    server = rpc.get_server(
        topic, [Conductor()], key=None, secure_serializer=conductor_host_serializer.ConductorHostSerializer
    )
    server.start()


def initialize():
    """What trove.cmd.common does, with the database made in between."""
    from oslo_log import log
    from trove import rpc
    from trove.common import cfg, debug_utils
    from trove.db import get_db_api

    cfg.parse_args(sys.argv)
    log.setup(cfg.CONF, None)
    debug_utils.setup()
    rpc.init(cfg.CONF)
    get_db_api().db_sync(cfg.CONF)
    get_db_api().configure_db()
    return cfg.CONF


def create_records(plan, conf):
    """The instance as Trove's API leaves it for the task manager, with the RPC key that the guest was given."""
    from trove.common import crypto_utils
    from trove.instance import models, service_status, tasks

    instance = models.DBInstance.create(
        id=plan["guestId"],
        name="proof",
        hostname="proof",
        tenant_id=plan["tenantId"],
        task_status=tasks.InstanceTasks.BUILDING,
        compute_instance_id=plan["guestId"],
    )
    key = crypto_utils.encrypt_data(plan["rpcKey"], conf.inst_rpc_key_encr_key)
    instance.update(encrypted_key=crypto_utils.encode_data(key))
    models.InstanceServiceStatus.create(
        instance_id=plan["guestId"], status=service_status.ServiceStatuses.NEW
    )


def guest_client(plan):
    from trove.common import context, notification
    from trove.guestagent import api

    request = context.TroveContext(user="proof", project_id=plan["tenantId"], is_admin=True)
    request.notification = notification.DBaaSInstanceCreate(
        request,
        request_id=request.request_id,
        server_type="taskmanager",
        client_ip="127.0.0.1",
        server_ip="127.0.0.1",
        tenant_id=plan["tenantId"],
    )
    return api.API(request, plan["guestId"])


def cast_prepare(client, plan):
    """As the task manager does for an instance with one database and one user."""
    from trove.common import template
    from trove.common.db.mysql import models

    datastore = types.SimpleNamespace(
        datastore_name=plan["datastore"], manager=plan["manager"], name=plan["version"], version=plan["version"]
    )
    flavor = {"ram": plan["memoryMiB"], "vcpus": plan["cpus"], "disk": 0, "name": "proof"}
    config = template.SingleInstanceConfigTemplate(datastore, flavor, plan["guestId"]).render()
    schema = models.MySQLSchema(name=plan["database"])
    user = models.MySQLUser(name=plan["user"], password=plan["password"], host="%", databases=[plan["database"]])
    client.prepare(
        plan["memoryMiB"],
        [],
        [schema.serialize()],
        [user.serialize()],
        device_path=plan["devicePath"],
        mount_point=plan["mountPoint"],
        config_contents=config,
        ds_version=plan["version"],
    )


def await_preparation(client, guest):
    """`prepare` is a cast, which is never refused aloud: a call tells then what the agent understands."""
    from trove.common import exception

    begun = ("building", "running", "healthy")
    while not guest.is_connected:
        if guest.await_status(begun, 0.5):
            break
    if not guest.await_status(begun, CONNECTED_SECONDS):
        try:
            client._call("rpc_ping", 30, version="1.1")
        except exception.GuestError as error:
            words = one_line(str(error))
            if re.search("version", words, re.IGNORECASE):
                raise ProofFailed("image: agent version", f"the agent refuses Trove's calls: {words[-600:]}") from None
            raise ProofFailed("image: agent", f"the agent does not act on Trove's calls: {words[-600:]}") from None
        # It answers and hasn't begun: the next heartbeat, or the failure, says more.
    guest.await_status(begun)
    reached("prepare begun")
    guest.await_status(("healthy",))
    reached("agent reports HEALTHY")


def ask_from_outside(plan, statement, seconds=OUTSIDE_SECONDS):
    """Runs a statement in the database through the guest's network card, as its user would.
    With `seconds` None it tries as long as the proof lasts."""
    words = {"address": "127.0.0.1", "user": plan["user"], "database": plan["database"]}
    command = [re.sub(r"\{(\w+)\}", lambda match: words[match[1]], word) for word in plan["client"]]
    end = time.monotonic() + (seconds or float("inf"))
    while True:
        asked = subprocess.Popen(
            [*command, statement],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", plan["passwordVariable"]: plan["password"]},
        )
        output, errors = asked.communicate()
        if asked.returncode == 0:
            return output.decode("utf-8", "replace").strip()
        if time.monotonic() > end:
            said = one_line(errors.decode("utf-8", "replace"))
            raise ProofFailed("image: port", f"the agent reports HEALTHY, and the port does not serve: {said}")
        time.sleep(1)


def restart_machine():
    """Presses the power button and waits until the machine is off; whoever runs it starts it again."""
    with open(RESTART_FILE, "w", encoding="ascii"):
        pass
    machine = socket.socket(socket.AF_UNIX)
    machine.connect(MACHINE_SOCKET)
    machine.settimeout(REMINDER_SECONDS)
    machine.sendall(b'{"execute":"qmp_capabilities"}\n')
    end = time.monotonic() + POWER_OFF_SECONDS
    while time.monotonic() < end:
        machine.sendall(b'{"execute":"system_powerdown"}\n')
        remind_at = time.monotonic() + REMINDER_SECONDS
        while time.monotonic() < remind_at:
            try:
                if not machine.recv(65536):
                    return
            except socket.timeout:
                break
            except ConnectionError:
                return
    raise ProofFailed("image: restart", "the guest does not power off when asked to")


def prove(plan):
    guest = Guest()
    start_broker(plan["brokerAddress"], guest)
    create_records(plan, initialize())
    start_conductor(guest)
    client = guest_client(plan)
    cast_prepare(client, plan)
    reached("control plane ready")

    await_preparation(client, guest)
    ask_from_outside(plan, "CREATE TABLE kept (word VARCHAR(64))")
    ask_from_outside(plan, f"INSERT INTO kept VALUES ('{plan['guestId']}')")
    ask_from_outside(plan, plan["healthQuery"])
    reached("query answered from outside")

    reached("restart asked")
    restart_machine()
    guest.status = None
    reached("powered off")
    kept = ask_from_outside(plan, "SELECT word FROM kept", seconds=None)
    if kept != plan["guestId"]:
        raise ProofFailed("image: restart", f"what was written before the restart is not there: {kept!r}")
    reached("data kept")
    # The agent looks at its database for the first time a minute after its start.
    guest.await_status(("healthy",))
    reached("HEALTHY again")
    tell(answer=ask_from_outside(plan, plan["versionQuery"]))


def main():
    with open(sys.argv.pop(1), encoding="utf-8") as file:
        plan = json.load(file)
    try:
        prove(plan)
    except ProofFailed as failure:
        tell(**{"proof failed": str(failure), **({"cause": failure.cause} if failure.cause else {})})
    except Exception as error:
        traceback.print_exc()
        tell(**{"control plane failed": one_line("".join(traceback.format_exception_only(error)))})


main()
