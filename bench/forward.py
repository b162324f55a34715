#!/usr/bin/python3
"""From an alert's change to the request at an Alertmanager: drwatch beside Prometheus, which both forward to a sink.

Both scrape the same page and evaluate the same rules each second. First single alerts begin to fire one after the other, then
5 000 at once. The time until the sink has heard of each is measured from the moment the page changed.
"""

import http.server
import json
import pathlib
import random
import shutil
import tempfile
import threading
import time

from bench_support import Prometheus, QuietServer, dumps, machine, percentile, wait_until, write_section
from drwatch import Drwatch

SINGLE = 60
MANY = 5_000
RULE = """
groups:
- name: forward
  rules:
  - alert: Up
    expr: signal == 1
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.name }} is up"}
"""


class World:
    """The page both scrape, and the Alertmanager both forward to; `first` has when each alert was heard of."""

    def __init__(self):
        self.names = []
        self.first = {"drwatch": {}, "prometheus": {}}
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer("".join(f'signal{{name="{name}"}} 1\n' for name in world.names).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                now = time.monotonic()
                first = world.first[self.path.split("/")[1]]
                for alert in json.loads(body):
                    first.setdefault(alert["labels"].get("name"), now)
                self.answer(b"")

            def answer(self, data):
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *unused):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def alerting(self, side):
        return (f"alerting: {{alertmanagers: [{{path_prefix: /{side}, static_configs: "
                f"[{{targets: ['{self.address}']}}]}}]}}")

    def raise_alerts(self, names):
        """{side: seconds until it told of each}."""
        begin = time.monotonic()
        self.names = [*self.names, *names]
        for first in self.first.values():
            wait_until(lambda told=first: all(name in told for name in names), timeout=120, interval=0.01, what="told")
        return {side: [first[name] - begin for name in names] for side, first in self.first.items()}


def start(folder, world):
    rules = folder / "forward.rules.yml"
    rules.write_text(RULE, encoding="utf-8")
    probe = {"name": "page", "type": "scrape", "job": "page", "url": f"http://{world.address}/metrics", "interval": "1s", "timeout": "1s"}
    drwatch = Drwatch(folder / "drwatch").start("\n".join([
        "global: {probe_interval: 1s, probe_timeout: 1s, evaluation_interval: 1s}", f"storage: {{path: '{folder}/state'}}",
        "builtin_rules: false", f"rule_files: ['{rules}']", f"probes: [{dumps(probe)}]", world.alerting("drwatch")]) + "\n",
        options=("--rules.alert.resend-delay=1s",))  # as the other one has it
    prometheus = Prometheus(folder / "prometheus")
    prometheus.start(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{rules}']
{world.alerting("prometheus")}
scrape_configs: [{{job_name: page, static_configs: [{{targets: ['{world.address}']}}]}}]
""")
    return {"drwatch": drwatch, "prometheus": prometheus}


def run():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="drwatch-bench-"))
    world = World()
    servers = {}
    try:
        servers = start(folder, world)
        world.raise_alerts(["warm"])
        single = {"drwatch": [], "prometheus": []}
        for i in range(SINGLE):
            for side, times in world.raise_alerts([f"single-{i}"]).items():
                single[side] += times
            time.sleep(random.uniform(0, 1))  # so that changes come at every phase of the intervals
        taken = servers["drwatch"].value("drwatch_alertmanager_latency_seconds_sum / drwatch_alertmanager_latency_seconds_count")
        many = world.raise_alerts([f"many-{i}" for i in range(MANY)])
        return single, many, taken
    finally:
        for server in servers.values():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    random.seed(1)
    single, many, taken = run()
    sides = ("drwatch", "prometheus")
    rows = []
    for label, share in (("p50", 0.5), ("p95", 0.95), ("worst", 1.0)):
        rows.append(f"| {SINGLE} single alerts, {label} | " + " | ".join(f"{percentile(single[side], share):.3f} s" for side in sides) + " |")
    rows.append(f"| {MANY} alerts at once, the last one | " + " | ".join(f"{max(many[side]):.2f} s" for side in sides) + " |")
    write_section("forward", "## Forwarding to Alertmanagers\n\n"
                  "`scripts/bench forward`: from the change of a page that both scrape each second (and evaluate each second) to the request at "
                  f"an Alertmanager, both in one run; {machine()}, {time.strftime('%Y-%m-%d')}.\n\n"
                  "| | drwatch | Prometheus |\n|---|---|---|\n" + "\n".join(rows) +
                  f"\n\nOf a single alert's time {taken * 1000:.1f} ms lie between the evaluation and the Alertmanager's answer; the rest is waiting "
                  "for the next scrape.")


if __name__ == "__main__":
    main()
