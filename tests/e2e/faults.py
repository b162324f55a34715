"""What the fault tests share: one alert's life, receivers that misbehave on command, a name server, a clock that can be set."""

import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from configs import ROUTING_KEY, config
from servers import Nginx, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]

RULES = """
groups:
- name: test
  rules:
  - alert: TestDown
    expr: probe_success{probe="api"} == 0
    labels: {severity: critical}
    annotations: {summary: 'api is down'}
"""
QUIET = "builtin_rules: false"


class Api:
    """A health endpoint, and drwatch with a rule on it."""

    def __init__(self, folder, drwatch, receivers, keep):
        self.folder, self.drwatch, self.receivers = folder, drwatch, receivers
        self.nginx = keep(Nginx(folder / "nginx").start())
        self.repair()

    def text(self, rules=RULES, extra=QUIET, probes=()):
        return config(self.folder, self.receivers,
                      [{"name": "api", "type": "http", "url": self.nginx.url("/health")}, *probes], rules=rules, extra=extra)

    def start(self, **more):
        self.drwatch.start(self.text(**more))
        return self

    def break_it(self):
        self.nginx.set("/health", 503, "{}")

    def repair(self):
        self.nginx.set("/health", 200, "{}")


def posting(folder, receivers, *, route="group_by: [alertname]", integrations=None, extra="", wait="0s"):
    """A configuration without probes, for alerts that the test posts."""
    pagerduty = f"  pagerduty_configs: [{{routing_key: {ROUTING_KEY}, url: '{receivers.pagerduty_url}'}}]"
    slack = f"  slack_configs: [{{api_url: '{receivers.slack_url}'}}]"
    return f"""
global: {{probe_interval: 1h, evaluation_interval: 1h}}
storage: {{path: '{folder}/state'}}
builtin_rules: false
route: {{receiver: on-call, group_wait: {wait}, group_interval: 1s, repeat_interval: 4h, {route}}}
receivers:
- name: on-call
{integrations if integrations is not None else pagerduty + chr(10) + slack}
{extra}
"""


def post(drwatch, *names, end=False, **labels):
    """Alerts as Prometheus posts them; `end`: they are over."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + (0 if end else 3600)))
    alerts = [{"labels": {"alertname": name, "severity": "critical", **labels}, "annotations": {"summary": f"{name} burns"},
               "endsAt": stamp} for name in names]
    status, text = request(drwatch, "/api/v2/alerts", alerts)
    assert status == 200, text


def request(drwatch, path, body=None, method=None):
    """(status, text)"""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(drwatch.url() + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def reload(drwatch, text):
    drwatch.config.write_text(text, encoding="utf-8")
    assert request(drwatch, "/-/reload", method="POST")[0] == 200


class Always:
    """In place of FakeReceivers.script: `answer(kind, body)` decides about every request."""

    def __init__(self, answer):
        self.answer = answer

    def __bool__(self):
        return True

    def pop(self, _):
        return self.answer


class Once:
    """Does `action` to the first request of `kind`, and remembers when."""

    def __init__(self, kind, action):
        self.kind, self.action = kind, action
        self.happened = threading.Event()
        self.time = None

    def __bool__(self):
        return True

    def pop(self, _):
        return self.decide

    def decide(self, kind, body):
        if kind != self.kind or self.happened.is_set():
            return None
        self.time = time.time()
        action = self.action(body) if callable(self.action) else self.action
        self.happened.set()
        return action


def attempts(receivers, kind, path=None):
    return [r for r in list(receivers.requests) if r.kind == kind and (path is None or r.path == path)]


def only_incident(receivers):
    """The one dedup_key that PagerDuty has ever seen."""
    keys = {r.body["dedup_key"] for r in attempts(receivers, "pagerduty") if r.body}
    assert len(keys) == 1, keys
    return keys.pop()


def slack_texts(receivers, word):
    return [r for r in receivers.accepted("slack") if word in r.body["text"]]


def expect_closed(receivers, timeout=20):
    """Every incident that PagerDuty was told of is over."""
    wait_until(lambda: receivers.pages("resolve") and not receivers.open_incidents(), timeout=timeout, what="the end told")
    actions = [r.body["event_action"] for r in receivers.accepted("pagerduty")]
    assert actions[0] == "trigger", "no end before its start"


def metric(drwatch, name):
    """The sum over all series of a metric as /metrics has it now."""
    found = [float(line.rsplit(" ", 1)[1]) for line in drwatch.metrics().splitlines()
             if line.startswith((name + " ", name + "{"))]
    return sum(found)


def failures(drwatch, **labels):
    """Failed attempts with these labels."""
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(float(line.rsplit(" ", 1)[1]) for line in drwatch.metrics().splitlines()
               if line.startswith("drwatch_notifications_failed_total{") and all(part in line for part in wanted))


def preload(folder, name):
    """The environment of a program that runs with the library tests/support/NAME.cc."""
    library = folder / f"{name}.so"
    subprocess.run(["g++", "-O1", "-shared", "-fPIC", ROOT / f"tests/support/{name}.cc", "-o", library, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "ASAN_OPTIONS": "verify_asan_link_order=0"}


def both(one, other):
    """Two environments of preload()."""
    return {**one, **other, "LD_PRELOAD": f"{one['LD_PRELOAD']}:{other['LD_PRELOAD']}"}


class Clock:
    """The wall clock of programs started with `environment`."""

    def __init__(self, folder):
        self.file = folder / "offset"
        self.set(0)
        self.environment = {**preload(folder, "shifted_clock"), "DRWATCH_TEST_CLOCK": str(self.file)}

    def set(self, seconds):
        # At once, or a reader would see an empty file.
        part = self.file.with_suffix(".part")
        part.write_text(f"{int(seconds)}\n", encoding="ascii")
        os.replace(part, self.file)


class HangingFolder:
    """A folder that keeps whoever opens it waiting, for programs started with `environment`."""

    def __init__(self, folder, path):
        self.path = path
        self.file = folder / "hangs"
        self.environment = {**preload(folder, "hanging_folder"), "DRWATCH_TEST_HANG": str(self.file)}

    def hang(self):
        # At once, or a reader would see an empty file.
        part = self.file.with_suffix(".part")
        part.write_text(str(self.path), encoding="utf-8")
        os.replace(part, self.file)

    def answer(self):
        self.file.unlink()


class NameServer:
    """A name server of its own address; `mode` is "answer" (127.0.0.1), "nxdomain", "servfail" or "hang"."""

    def __init__(self, mode):
        self.mode, self.queries = mode, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.53.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
        self.socket.bind((self.address, 53))
        self.socket.settimeout(0.1)
        self.stopping = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.stopping:
            try:
                query, client = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            self.queries += 1
            if self.mode != "hang":
                self.socket.sendto(self.reply(query), client)

    def reply(self, query):
        end = query.index(b"\0", 12) + 5
        question = query[12:end]
        code = {"nxdomain": 3, "servfail": 2}.get(self.mode, 0)
        is_a = question[-4:-2] == b"\x00\x01"
        answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x01" if code == 0 and is_a else b""
        return (query[:2] + bytes([0x81, 0x80 | code]) + b"\x00\x01" + (b"\x00\x01" if answer else b"\x00\x00") +
                b"\x00\x00\x00\x00" + question + answer)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()


def in_own_mounts(drwatch, command):
    """From its next start on, drwatch runs after the shell command `command`, in a mount namespace where that is allowed."""
    program = drwatch.program
    wrapper = drwatch.folder / "in-own-mounts"
    wrapper.write_text(f"#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c '{command} && exec \"$0\" \"$@\"' "
                       f"'{program}' \"$@\"\n", encoding="utf-8")
    wrapper.chmod(0o755)
    drwatch.program = str(wrapper)
