#!/usr/bin/python3
"""From a fault to the request on the wire: drwatch beside Prometheus + blackbox_exporter + Alertmanager.

Health endpoints break at random moments; the time until the webhook hears of each is measured. Both sides watch the same
endpoints in the same run. Two settings: everything at 1 s without group_wait, and each side's own defaults.
"""

import pathlib
import random
import shutil
import sys
import tempfile
import time

from bench_support import (Alertmanager, Blackbox, Hook, Prometheus, Targets, dumps, machine, percentile,
                           prometheus_text, wait_until, write_section)
from drwatch import Drwatch

RULE = """
groups:
- name: latency
  rules:
  - alert: Down
    expr: probe_success == 0
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.instance }}{{ $labels.probe }} is down"}
"""


def start_drwatch(folder, targets, hook, settings):
    rules = folder / "latency.rules.yml"
    rules.write_text(RULE, encoding="utf-8")
    probes = [{"name": f"target-{i}", "type": "http", "url": targets.url(i)} for i in range(len(targets.broken))]
    lines = [settings["drwatch_global"], f"storage: {{path: '{folder}/state'}}", "builtin_rules: false",
             f"rule_files: ['{rules}']", "probes:", *[f"- {dumps(probe)}" for probe in probes],
             f"route: {{receiver: hook, group_by: [probe]{settings['drwatch_route']}}}",
             f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook.url()}'}}]}}]"]
    return Drwatch(folder / "drwatch").start("\n".join(lines) + "\n")


def start_chain(folder, targets, hook, settings):
    blackbox = Blackbox(folder / "blackbox").start()
    manager = Alertmanager(folder / "alertmanager").start(
        f"route: {{receiver: hook, group_by: [instance]{settings['chain_route']}}}\n"
        f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook.url()}'}}]}}]\n")
    rules = folder / "chain.rules.yml"
    rules.write_text(RULE, encoding="utf-8")
    job = ["- job_name: blackbox", "  metrics_path: /probe", "  params: {module: [http]}", "  static_configs:"]
    for i in range(len(targets.broken)):
        job.append(f"  - {{targets: ['{targets.url(i)}'], labels: {{instance: target-{i}}}}}")
    job += ["  relabel_configs:", "  - {source_labels: [__address__], target_label: __param_target}",
            f"  - {{target_label: __address__, replacement: '127.0.0.1:{blackbox.port}'}}"]
    text = prometheus_text(job, manager.port, settings["interval"], settings["evaluation"], rules)
    prometheus = Prometheus(folder / "prometheus")
    prometheus.start(text)
    return [prometheus, manager, blackbox]


def measure(settings, count, spread):
    """{side: latencies in seconds}: both sides in one run, `count` faults spread over `spread` seconds."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="drwatch-bench-"))
    targets, hooks = Targets(count), {"drwatch": Hook(), "chain": Hook()}
    servers = []
    try:
        servers.append(start_drwatch(folder, targets, hooks["drwatch"], settings))
        servers += start_chain(folder, targets, hooks["chain"], settings)
        time.sleep(settings["settle"])
        moments = sorted((random.uniform(0, spread), i) for i in range(count))
        for side, hook in hooks.items():
            assert not hook.first, f"{side} paged before anything broke: {hook.first}"
        begin = time.monotonic()
        broken_at = {}
        for moment, i in moments:
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            targets.broken[i] = True
            broken_at[i] = time.monotonic()
        for hook in hooks.values():
            wait_until(lambda h=hook: len(h.first) == count, timeout=240, interval=0.2, what="all notified")
        return {side: [hook.first[i] - broken_at[i] for i in range(count)] for side, hook in hooks.items()}
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


# More endpoints than this, and the server that plays them is what is measured.
FAULTS = 40
SECOND = {"drwatch_global": "global: {probe_interval: 1s, probe_timeout: 1s, evaluation_interval: 1s}",
          "drwatch_route": ", group_wait: 0s, group_interval: 1s", "chain_route": ", group_wait: 0s, group_interval: 1s",
          "interval": "1s", "evaluation": "1s", "settle": 6}
DEFAULTS = {"drwatch_global": "global: {}", "drwatch_route": "", "chain_route": "", "interval": "1m",
            "evaluation": "1m", "settle": 65}


def main():
    random.seed(1)
    rows = []
    for name, settings, rounds, spread in (("1 s intervals, group_wait 0", SECOND, 5, 30),
                                           ("each side's defaults", DEFAULTS, 1, 60)):
        if len(sys.argv) > 1 and sys.argv[1] not in name:
            continue
        results = [measure(settings, FAULTS, spread) for _ in range(rounds)]
        for side, label in (("drwatch", "drwatch"), ("chain", "Prometheus + blackbox + Alertmanager")):
            values = [value for result in results for value in result[side]]
            rows.append(f"| {name} | {label} | {len(values)} | {percentile(values, 0.5):.3f} s | "
                        f"{percentile(values, 0.99):.3f} s | {max(values):.3f} s |")
    write_section("latency", "## From a fault to the request on the wire\n\n"
                  f"`scripts/bench latency`, {FAULTS} faults a round at random moments, both sides in one run; {machine()}, "
                  f"{time.strftime('%Y-%m-%d')}.\n\n"
                  "| setting | side | faults | p50 | p99 | worst |\n|---|---|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
