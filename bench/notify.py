#!/usr/bin/python3
"""From an alert's change to the request on the wire: drwatch beside Alertmanager, both in one run, to the same webhook.

    scripts/bench notify            the whole table
    bench/notify.py 500             with so many alerts, printed and not written: while working on it

The webhook is one asyncio process of its own that answers and remembers when; its share is measured, and so is what it can take.
"""

import json
import multiprocessing
import pathlib
import random
import re
import shutil
import sys
import tempfile
import threading
import time
import urllib.request

from bench_support import ROOT, Alertmanager, machine, percentile, usage, wait_until, write_section
from drwatch import Drwatch

SEVERITIES = ["info", "warning", "critical"]
ALERTS = 10_000
SINGLES = 200
BURSTS = 20


class Sink:
    """The webhook: /fast answers at once, /hang never."""

    def __init__(self):
        here, there = multiprocessing.Pipe()
        self.pipe = here
        self.process = multiprocessing.Process(target=serve_sink, args=(there,), daemon=True)
        self.process.start()
        self.port = here.recv()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def count(self):
        self.pipe.send("count")
        return self.pipe.recv()

    def arrivals(self):
        """[(time, body)] since the last call."""
        self.pipe.send("take")
        return self.pipe.recv()

    def stop(self):
        self.process.terminate()
        self.process.join()


def serve_sink(pipe):
    import asyncio

    got = []
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    class Connection(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.data = transport, b""

        def data_received(self, data):
            now = time.monotonic()
            self.data += data
            while (end := self.data.find(b"\r\n\r\n")) >= 0:
                head = self.data[:end]
                length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
                if len(self.data) < end + 4 + length:
                    return
                body = self.data[end + 4:end + 4 + length]
                self.data = self.data[end + 4 + length:]
                if b" /hang " in head[:head.find(b"\r\n")]:
                    return
                got.append((now, body))
                self.transport.write(answer)

    async def run():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])

        def asked():
            if pipe.recv() == "count":
                pipe.send(len(got))
            else:
                pipe.send(list(got))
                got.clear()

        loop.add_reader(pipe.fileno(), asked)
        await server.serve_forever()

    asyncio.run(run())


def alert(name, severity):
    return {"labels": {"alertname": name, "severity": severity, "job": "bench"},
            "annotations": {"summary": f"{name} is down", "runbook_url": "https://example.com/runbook"},
            "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def post(url, alerts):
    request = urllib.request.Request(url + "/api/v2/alerts", json.dumps(alerts, separators=(",", ":")).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=120).close()


def routes(sink, with_hanging):
    """The same text for both."""
    hanging = "\n  routes: [{receiver: hanging, continue: true}, {receiver: hook}]" if with_hanging else ""
    return f"""
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 0s
  group_interval: 5m
  repeat_interval: 4h{hanging}
receivers:
- {{name: hook, webhook_configs: [{{url: '{sink.url("fast")}'}}]}}
- {{name: hanging, webhook_configs: [{{url: '{sink.url("hang")}'}}]}}
"""


def start(side, folder, sink, with_hanging=False):
    text = routes(sink, with_hanging)
    if side == "Alertmanager":
        return Alertmanager(folder / "alertmanager").start(text)
    return Drwatch(folder / "drwatch").start(
        f"global: {{probe_interval: 1h, evaluation_interval: 1h}}\nstorage: {{path: '{folder}/state'}}\nbuiltin_rules: false\n" + text)


def address(server):
    return server.url() if isinstance(server, Drwatch) else f"http://127.0.0.1:{server.port}"


class Peak(threading.Thread):
    """The highest resident size while it runs."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, usage([self.pid])[0])

    def stop(self):
        self.over.set()
        self.join()
        return self.peak


def name_of(body):
    return re.search(rb'"alertname":"([^"]+)"', body).group(1).decode()


def out_of_order(severities):
    """Notifications that arrived after a less severe one, as a share of all."""
    worst_seen, late = len(SEVERITIES), 0
    for severity in severities:
        rank = SEVERITIES.index(severity)
        late += rank > worst_seen
        worst_seen = min(worst_seen, rank)
    return late / len(severities)


def flood(side, folder, sink, count):
    """`count` alerts in one request, the least severe first, each its own group."""
    server = start(side, folder, sink)
    try:
        pid = server.process.pid
        idle, cpu, _ = usage([pid])
        peak = Peak(pid)
        alerts = [alert(f"flood-{i}", SEVERITIES[i * len(SEVERITIES) // count]) for i in range(count)]
        sink.arrivals()
        begin = time.monotonic()
        post(address(server), alerts)
        wait_until(lambda: sink.count() >= count, timeout=600, interval=0.2, what=f"{side}: all told")
        spent = usage([pid])[1] - cpu
        arrivals = sink.arrivals()
        severity = {a["labels"]["alertname"]: a["labels"]["severity"] for a in alerts}
        order = [severity[name_of(body)] for _, body in arrivals]
        assert len({name_of(body) for _, body in arrivals}) == count
        return {"cpu": spent, "took": arrivals[-1][0] - begin, "idle": idle, "peak": peak.stop(), "late": out_of_order(order),
                "sent": len(arrivals)}
    finally:
        server.stop()


def latencies(side, folder, sink, singles, bursts, with_hanging):
    """Seconds from a post to its arrival: one change at a time, and ten at once."""
    server = start(side, folder, sink, with_hanging)
    try:
        if with_hanging:
            post(address(server), [alert("first", "critical")])
            wait_until(lambda: sink.count() >= 1, what="the first one")
        found = {}
        for label, rounds, size in (("one", singles, 1), ("ten", bursts, 10)):
            found[label] = []
            for number in range(rounds):
                sink.arrivals()
                alerts = [alert(f"{label}-{number}-{i}", "critical") for i in range(size)]
                begin = time.monotonic()
                post(address(server), alerts)
                wait_until(lambda n=size: sink.count() >= n, timeout=60, interval=0.005, what=f"{side}: told")
                found[label] += [at - begin for at, _ in sink.arrivals()]
                time.sleep(random.uniform(0.01, 0.06))
        return found
    finally:
        server.stop()


def milliseconds(values):
    return f"{percentile(values, 0.5) * 1000:.1f} / {percentile(values, 0.99) * 1000:.1f} ms"


def main():
    random.seed(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ALERTS
    share = count / ALERTS
    rows, sides = [], ("drwatch", "Alertmanager")
    # The state lies on a disk, where a commit waits for it: below build, because /tmp may be memory.
    base = ROOT / "build/bench-notify"
    base.mkdir(parents=True, exist_ok=True)
    results = {side: {} for side in sides}
    sink = Sink()
    try:
        for side in sides:
            for name, run in (
                    ("flood", lambda s, f: flood(s, f, sink, count)),
                    ("calm", lambda s, f: latencies(s, f, sink, max(20, int(SINGLES * share)), max(3, int(BURSTS * share)), False)),
                    ("hang", lambda s, f: latencies(s, f, sink, max(20, int(SINGLES * share)), max(3, int(BURSTS * share)), True))):
                folder = pathlib.Path(tempfile.mkdtemp(dir=base))
                try:
                    results[side][name] = run(side, folder)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
    finally:
        sink.stop()

    def row(title, value):
        rows.append(f"| {title} | " + " | ".join(value(results[side]) for side in sides) + " |")

    row("notifications per CPU second", lambda r: f"{r['flood']['sent'] / r['flood']['cpu']:,.0f}")
    row("notifications per second", lambda r: f"{r['flood']['sent'] / r['flood']['took']:,.0f}")
    row("memory at rest / at its peak", lambda r: f"{r['flood']['idle'] / 1e6:.0f} / {r['flood']['peak'] / 1e6:.0f} MB")
    row("told after a less severe one", lambda r: f"{r['flood']['late'] * 100:.1f} %")
    row("post to request, one at a time (p50 / p99)", lambda r: milliseconds(r["calm"]["one"]))
    row("post to request, ten at a time", lambda r: milliseconds(r["calm"]["ten"]))
    row("one at a time while another receiver hangs", lambda r: milliseconds(r["hang"]["one"]))
    row("ten at a time while another receiver hangs", lambda r: milliseconds(r["hang"]["ten"]))
    text = ("## Delivery beside Alertmanager\n\n"
            f"`scripts/bench notify`: {count:,} alerts in one request, the least severe first, each a group of its own, to a webhook on "
            "this machine; then one and ten changes at a time, `group_wait: 0s`. drwatch has each one on disk (synced) before it is sent, what came "
            "of it written before the next one leaves, and both in the audit log; Alertmanager keeps them in memory. "
            f"{machine()}, {time.strftime('%Y-%m-%d')}.\n\n"
            "| | drwatch | Alertmanager |\n|---|---|---|\n" + "\n".join(rows))
    if count == ALERTS:
        write_section("notify", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
