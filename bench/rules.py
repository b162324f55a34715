#!/usr/bin/python3
"""CPU time of rules: Prometheus and drwatch on the same series and the same rule files, in one run.

Prometheus gets the series by remote write, so that nothing but rules costs it time while it is measured: process CPU
while the rules run, less the same without them, per evaluation of a rule. drwatch is bench/rules_bench: the service's
rules manager on its store, with alert state on disk and a sink for the events.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

from bench_support import ROOT, Server, cpu_nanoseconds, free_port, http_get, machine, wait_until, write_section

HISTORY = 24  # samples of each series, 15 s apart: six minutes
STEP_MS = 15_000
BATCH = 5_000  # series in one remote write
POLL_SECONDS = 2  # the polls cost time too, so the idle time has them as well
IDLE_POLLS = 2
MIN_SECONDS = 8
QUIET, FIRING = 10, 600  # values of replication_lag_seconds, give or take

THRESHOLD = ["replication_lag_seconds > 300"]
RATE = ["rate(errors_total[5m]) / rate(requests_total[5m]) > 0.5"]
ANNOTATION = "{{ $labels.instance }} of {{ $labels.service }} at {{ $value | humanize }}"


SECTION = """## Rules beside Prometheus

`scripts/bench rules`: CPU time of one evaluation, drwatch and Prometheus 2.42 on the same series and rule files, one
after the other in one run; {machine}, load {load}, {date}. Prometheus is the process, less what it takes without rules;
drwatch is the service's rules manager with alert state on disk, the alerts' own series and a sink for its events.
Prometheus gets no samples while it is measured; drwatch gets a new round before each evaluation (not counted), so the
values of its alerts change: "changed" says how many did in the last evaluation. "begin" is the evaluation in which the
alerts begin to fire, which is in neither side's mean.

| rules | series of a metric | alerts firing | changed | drwatch | Prometheus | ratio | per | begin (drwatch, an alert) |
|---|---|---|---|---|---|---|---|---|
{rows}
"""


def one_each(count):
    return [f'replication_lag_seconds{{id="{i}"}} > 300' for i in range(count)]


def broad(count):
    return [f"replication_lag_seconds > {300 + i / count:.4f}" for i in range(count)]


def sums(threshold):
    return [f"sum by (service) (replication_lag_seconds) > {threshold}"]


# Name, series of one metric, rules, how many times drwatch evaluates, what the time is divided by besides rules.
CASES = [
    ("`replication_lag_seconds > 300`", 1_000, THRESHOLD, 200, "series"),
    ("`replication_lag_seconds > 300`", 10_000, THRESHOLD, 40, "series"),
    ("`replication_lag_seconds > 300`", 100_000, THRESHOLD, 12, "series"),
    ("`rate(errors_total[5m]) / rate(requests_total[5m]) > 0.5`", 10_000, RATE, 40, "series"),
    ("`rate(errors_total[5m]) / rate(requests_total[5m]) > 0.5`", 100_000, RATE, 8, "series"),
    ("`sum by (service) (replication_lag_seconds) > ...`", 10_000, sums(30_000), 40, "series"),
    ("`sum by (service) (replication_lag_seconds) > ...`", 100_000, sums(300_000), 12, "series"),
    ("1 000 rules, each selects one series", 10_000, one_each(1_000), 40, "rule"),
    ("10 000 rules, each selects one series", 10_000, one_each(10_000), 20, "rule"),
]
BROAD = [("broad rules `replication_lag_seconds > ...`", 10_000, (1_000, 20), 8, "series")]


def page_of(count, lag, expressions):
    """Text page of `count` series of each metric in use; drwatch reads it, and Prometheus gets what is in it."""
    values = {"replication_lag_seconds": lag, "requests_total": 100_000, "errors_total": lag * 200}
    used = [name for name in values if name in expressions[0]]
    lines = []
    for i in range(count):
        labels = (f'instance="10.0.{i // 250 % 250}.{i % 250}:9100",job="job-{i % 10}",'
                  f'service="service-{i % 100}",id="{i}"')
        lines += [f"{name}{{{labels}}} {values[name] + i % 89}" for name in used]
    return "\n".join(lines) + "\n"


def rules_of(expressions):
    text = "groups:\n- name: bench\n  rules:\n"
    for i, expression in enumerate(expressions):
        text += (f"  - alert: Bench{i}\n    expr: '{expression}'\n    labels: {{severity: critical}}\n"
                 f"    annotations: {{summary: '{ANNOTATION}'}}\n")
    return text


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, body):
    return bytes([number << 3 | 2]) + varint(len(body)) + body


def snappy(data):
    """The block format with nothing but literals."""
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 65_536):
        piece = data[at:at + 65_536]
        out += bytes([61 << 2]) + struct.pack("<H", len(piece) - 1) + piece
    return bytes(out)


def series_message(line, now_ms):
    name, labels, value = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line).groups()
    pairs = sorted([("__name__", name), *re.findall(r'(\w+)="([^"]*)"', labels)])
    body = b"".join(field(1, field(1, key.encode()) + field(2, text.encode())) for key, text in pairs)
    for i in range(HISTORY):
        at = varint(now_ms - (HISTORY - 1 - i) * STEP_MS)
        body += field(2, b"\x09" + struct.pack("<d", float(value) * (1 + i / 1024)) + b"\x10" + at)
    return field(1, body)


class MeasuredPrometheus(Server):
    def start(self):
        self.port = free_port()
        (self.folder / "rules.yml").write_text("groups: []\n")
        (self.folder / "prometheus.yml").write_text("global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n")
        self.spawn(["prometheus", f"--config.file={self.folder}/prometheus.yml", "--web.enable-remote-write-receiver",
                    f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                    "--query.timeout=10m"])
        wait_until(lambda: http_get(f"http://127.0.0.1:{self.port}/-/ready")[0] == 200, what="prometheus")
        return self

    def write(self, page):
        now_ms = int(time.time() * 1000)
        lines = page.splitlines()
        for at in range(0, len(lines), BATCH):
            body = snappy(b"".join(series_message(line, now_ms) for line in lines[at:at + BATCH]))
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/write", body, {
                "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"})
            urllib.request.urlopen(request, timeout=60).close()

    def evaluations(self):
        text = http_get(f"http://127.0.0.1:{self.port}/metrics", timeout=600)[1]
        def of(name):
            found = re.search(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M)
            return float(found.group(1)) if found else 0
        return of("prometheus_rule_evaluations_total"), of("prometheus_rule_evaluation_failures_total")

    def cpu(self):
        return cpu_nanoseconds([self.process.pid]) / 1e9

    def spent_per_rule(self, rules):
        """CPU seconds of one evaluation of one rule, alerts in place."""
        began, at = self.cpu(), time.monotonic()
        for _ in range(IDLE_POLLS):
            time.sleep(POLL_SECONDS)
            self.evaluations()
        idle = (self.cpu() - began) / (time.monotonic() - at)
        (self.folder / "rules.yml").write_text(rules)
        self.send(signal.SIGHUP)
        count = rules.count("- alert:")
        # The first evaluation creates the alerts; then at least one whole one is measured.
        wait_until(lambda: self.evaluations()[0] >= count, timeout=600, interval=0.2, what="first evaluation")
        before, began, at = self.evaluations()[0], self.cpu(), time.monotonic()
        wait_until(lambda: self.evaluations()[0] >= before + count and time.monotonic() - at >= MIN_SECONDS,
                   timeout=600, interval=POLL_SECONDS, what="evaluations")
        spent = self.cpu() - began - idle * (time.monotonic() - at)
        after, failures = self.evaluations()
        assert failures == 0, f"{failures} evaluations failed in Prometheus"
        firing = json.loads(http_get(f"http://127.0.0.1:{self.port}/api/v1/query?query=count(ALERTS)",
                                     timeout=60)[1])["data"]["result"]
        return spent / (after - before), int(firing[0]["value"][1]) if firing else 0


def run_prometheus(folder, page, rules):
    server = MeasuredPrometheus(folder / "prometheus").start()
    try:
        server.write(page)
        return server.spent_per_rule(rules)
    finally:
        server.stop()
        shutil.rmtree(folder / "prometheus")


def run_drwatch(folder, page, rules, evaluations):
    (folder / "page").write_text(page)
    (folder / "rules.yml").write_text(rules)
    text = subprocess.run([program(), folder / "page", folder / "rules.yml", folder / "state.db", str(evaluations)],
                          check=True, capture_output=True, text=True).stdout
    for path in folder.glob("state.db*"):
        path.unlink()
    answer = json.loads(text)
    return answer


def program():
    return pathlib.Path(os.environ.get("RULES_BENCH", ROOT / "build/release/bench/rules_bench"))


def time_text(seconds):
    for scale, unit in ((1e-6, "ns"), (1e-3, "µs"), (1, "ms")):
        if seconds < scale:
            return f"{seconds / scale * 1000:.3g} {unit}"
    return f"{seconds:.3g} s"


def spaced(number):
    return f"{number:,}".replace(",", " ")


def measure(name, series, expressions, evaluations, lag, unit):
    with tempfile.TemporaryDirectory(prefix="drwatch-rules-") as made:
        folder = pathlib.Path(made)
        page, rules = page_of(series, lag, expressions), rules_of(expressions)
        answer = run_drwatch(folder, page, rules, evaluations)
        theirs, their_alerts = run_prometheus(folder, page, rules)
    ours, our_alerts = answer["mean_ms"] / 1e3 / answer["rules"], answer["firing"]
    begin = time_text(answer["first_ms"] / 1e3 / our_alerts) if our_alerts else "-"
    assert our_alerts == their_alerts, f"{name}: {our_alerts} alerts here, {their_alerts} in Prometheus"
    per = series if unit == "series" else 1
    cells = [name, spaced(series), spaced(our_alerts), spaced(answer["changed"]), time_text(ours / per),
             time_text(theirs / per), f"{theirs / ours:.0f}", unit, begin]
    row = "| " + " | ".join(cells) + " |"
    print(row, flush=True)
    return row


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if "RULES_BENCH" not in os.environ:
        subprocess.run([ROOT / "scripts/build", "release", "rules_bench"], check=True)
    rows = []
    for name, series, expressions, evaluations, unit in CASES:
        for lag in (QUIET, FIRING):
            if wanted in name:
                rows.append(measure(name, series, expressions, evaluations, lag, unit))
    for name, series, counts, evaluations, unit in BROAD:
        for count, lag in zip(counts, (QUIET, FIRING)):
            if wanted in name:
                rows.append(measure(f"{count} {name}", series, broad(count), evaluations, lag, unit))
    if not wanted:
        write_section("rules", SECTION.format(machine=machine(), load=f"{os.getloadavg()[2]:.0f}", date=time.strftime("%Y-%m-%d"), rows="\n".join(rows)))


if __name__ == "__main__":
    main()
