"""PID 1 of a devcloud: configures it, starts its services in order, reaps, restarts, and stops them cleanly.

The first line of standard input is the plan, as JSON (see src/devcloud/supervision.ts). A devcloud whose starter goes
away before it said "keep" on the second line is stopped, so that an interrupted start leaves nothing running.
What happens is told on standard output, one JSON object a line; the present state stands in /run/trovestack/status.json.
"""

import grp
import json
import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import time

STATUS_FILE = "/run/trovestack/status.json"
LOG_FOLDER = "/var/log/trovestack"
POLL_SECONDS = 0.1
STOP_SECONDS = 20
GUEST_SECONDS = 120
GUEST_REMINDER_SECONDS = 10
SETTLED_AFTER_SECONDS = 60
LONGEST_BACK_OFF_SECONDS = 30


def tell(event, **facts):
    print(json.dumps({"event": event, "at": round(time.time(), 3), **facts}), flush=True)


class Service:
    """One program of the plan: a service that has to stay, or a task that has to end well once."""

    def __init__(self, plan):
        self.plan = plan
        self.name = plan["name"]
        self.is_task = plan["kind"] == "task"
        self.state = "waiting"
        self.process = None
        self.started_at = 0.0
        self.restarts = 0
        self.start_after = 0.0

    def start(self):
        user = pwd.getpwnam(self.plan["user"])
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": user.pw_dir,
            "USER": user.pw_name,
            "PYTHONUNBUFFERED": "1",
            **self.plan["env"],
        }
        with open(f"{LOG_FOLDER}/{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.plan["argv"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.plan["cwd"],
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        self.state = "running"
        tell("started", service=self.name)

    def ended(self, exit_code):
        self.process = None
        if self.is_task:
            self.state = "done" if exit_code == 0 else "failed"
        else:
            if time.monotonic() - self.started_at > SETTLED_AFTER_SECONDS:
                self.restarts = 0
            self.restarts += 1
            self.start_after = time.monotonic() + min(2 ** (self.restarts - 1), LONGEST_BACK_OFF_SECONDS)
            self.state = "restarting"
        tell("ended", service=self.name, exitCode=exit_code, state=self.state)

    def terminate(self, signal_number):
        try:
            os.killpg(self.process.pid, signal_number)
        except ProcessLookupError:
            pass


class Supervisor:
    def __init__(self, plan):
        self.plan = plan
        self.services = [Service(service) for service in plan["services"]]
        self.by_name = {service.name: service for service in self.services}
        self.stop_reason = None
        self.is_kept = False
        self.wake_reader, wake_writer = os.pipe()
        for descriptor in (self.wake_reader, wake_writer):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_stop_signal)

    def on_stop_signal(self, number, _frame):
        self.stop_reason = self.stop_reason or signal.Signals(number).name

    def run(self):
        """Returns the exit code: 0 when stopped as asked, 1 when a task of an initialisation failed or the starter left."""
        while True:
            changed = self.reap() | self.start_what_may()
            if changed:
                self.write_status()
            outcome = self.outcome()
            if outcome is not None:
                self.stop()
                return outcome
            self.wait()

    def outcome(self):
        if self.stop_reason:
            tell("stopping", reason=self.stop_reason)
            return 0 if self.stop_reason in ("SIGTERM", "SIGINT") and self.plan["until"] == "stopped" else 1
        if self.plan["until"] == "stopped":
            return None
        tasks = [service for service in self.services if service.is_task]
        failed = [task.name for task in tasks if task.state == "failed"]
        if failed:
            tell("failed", tasks=failed)
            return 1
        return 0 if all(task.state == "done" for task in tasks) else None

    def wait(self):
        sources = [self.wake_reader] if self.is_kept else [self.wake_reader, 0]
        is_busy = any(service.state in ("waiting", "restarting") for service in self.services)
        ready, _, _ = select.select(sources, [], [], POLL_SECONDS if is_busy else None)
        if self.wake_reader in ready:
            os.read(self.wake_reader, 4096)
        if 0 in ready:
            self.hear_starter()

    def hear_starter(self):
        said = os.read(0, 4096)
        if said.strip() == b"keep":
            self.is_kept = True
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        else:
            self.stop_reason = self.stop_reason or "its starter ended"

    def reap(self):
        changed = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return changed
            if pid == 0:
                return changed
            for service in self.services:
                if service.process and service.process.pid == pid:
                    service.process.returncode = os.waitstatus_to_exitcode(status)
                    service.ended(service.process.returncode)
                    changed = True

    def start_what_may(self):
        changed = False
        known = {}
        for service in self.services:
            is_due = service.state == "waiting" or (
                service.state == "restarting" and time.monotonic() >= service.start_after
            )
            if is_due and all(self.is_met(condition, known) for condition in service.plan["after"]):
                service.start()
                changed = True
        return changed

    def is_met(self, condition, known):
        if condition not in known:
            kind, _, value = condition.partition(":")
            known[condition] = self.by_name[value].state == "done" if kind == "done" else answers(kind, value)
        return known[condition]

    def write_status(self):
        services = [
            {"name": service.name, "kind": service.plan["kind"], "state": service.state, "restarts": service.restarts}
            for service in self.services
        ]
        with open(f"{STATUS_FILE}.part", "w", encoding="utf-8") as file:
            json.dump({"services": services}, file)
        os.rename(f"{STATUS_FILE}.part", STATUS_FILE)

    def stop(self):
        """Kills first what would act on the others' end; lets virtual machines shut down, unless the signal was SIGINT; asks
        all that is left, whoever started it, to end; waits only for those that keep data, since the rest may wait for a
        broker that is gone."""
        for service in self.named("killFirst"):
            service.terminate(signal.SIGKILL)
            self.wait_for_end(lambda service=service: service.process is None, STOP_SECONDS)
        if self.stop_reason == "SIGTERM" and self.plan["hypervisor"]:
            shut_down_guests(self.plan["hypervisor"])
        keepers = self.named("endCleanly")
        send_to_all(signal.SIGTERM)
        self.wait_for_end(lambda: not any(service.process for service in keepers), STOP_SECONDS)
        send_to_all(signal.SIGKILL)
        self.wait_for_end(has_no_children, STOP_SECONDS)
        tell("stopped")

    def named(self, list_name):
        services = [self.by_name[name] for name in self.plan[list_name] if name in self.by_name]
        return [service for service in services if service.process]

    def wait_for_end(self, is_over, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.reap()
            if is_over():
                return
            time.sleep(0.02)


def shut_down_guests(hypervisor):
    """Presses the power button of every virtual machine and waits: a power cut would take what they haven't written yet. One
    that is only booting doesn't hear, so it is pressed again."""
    end = time.monotonic() + GUEST_SECONDS
    remind_at = 0.0
    while guests := running_guests(hypervisor):
        if time.monotonic() > end:
            tell("guests cut off", guests=guests)
            return
        if time.monotonic() >= remind_at:
            tell("guests shut down", guests=guests)
            for guest in guests:
                ask_hypervisor(hypervisor, "shutdown", guest)
            remind_at = time.monotonic() + GUEST_REMINDER_SECONDS
        time.sleep(0.3)


def running_guests(hypervisor):
    return ask_hypervisor(hypervisor, "list", "--name").split()


def ask_hypervisor(hypervisor, *words):
    """What virsh prints; nothing when libvirt doesn't answer, or a guest ended meanwhile, which the log tells then."""
    command = ["virsh", "--connect", hypervisor, *words]
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=STOP_SECONDS, check=True
        ).stdout
    except subprocess.SubprocessError as error:
        tell("hypervisor refused", command=command, problem=str(error), output=str(error.stderr))
        return ""


def send_to_all(number):
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        pass


def has_no_children():
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def answers(kind, value):
    """Whether something listens: kind "tcp" takes a port of this host, "unix" the path of a socket."""
    family, address = (socket.AF_INET, ("127.0.0.1", int(value))) if kind == "tcp" else (socket.AF_UNIX, value)
    with socket.socket(family) as connection:
        connection.settimeout(1)
        try:
            connection.connect(address)
        except OSError:
            return False
    return True


def set_up_network(network):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    if network:
        subprocess.run(["ip", "address", "add", network["address"], "dev", "eth0"], check=True)
        subprocess.run(["ip", "link", "set", "eth0", "up"], check=True)
        subprocess.run(["ip", "route", "add", "default", "via", network["gateway"]], check=True)
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as setting:
        setting.write("1\n")


def make_folder(folder):
    os.makedirs(folder["path"], exist_ok=True)
    own(folder)


def write_file(file):
    os.makedirs(os.path.dirname(file["path"]), exist_ok=True)
    descriptor = os.open(file["path"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(file["text"])
    own(file)


def own(entry):
    user, group = entry["owner"].split(":")
    os.chown(entry["path"], pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
    os.chmod(entry["path"], int(entry["mode"], 8))


def read_line(descriptor):
    """One line without the bytes after it, which stay for select() to see."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            sys.exit("supervisor: standard input ended before the plan did")
        line += byte
    return bytes(line)


def main():
    plan = json.loads(read_line(0))
    os.makedirs(LOG_FOLDER, exist_ok=True)
    set_up_network(plan["network"])
    for folder in plan["folders"]:
        make_folder(folder)
    for file in plan["files"]:
        write_file(file)
    sys.exit(Supervisor(plan).run())


main()
