#!/usr/bin/python3
"""Memory, CPU, threads and time to readiness on the demo world: drwatch beside the chain a user would build otherwise."""

import pathlib
import sys
import time

from bench_support import (ROOT, Alertmanager, Blackbox, PostgresExporter, Prometheus, RedisExporter, cpu_nanoseconds,
                           machine, prometheus_text, usage, wait_until, write_section)
from drwatch import Drwatch

sys.path.insert(0, str(ROOT / "scripts"))
from demo import World  # noqa: E402

SECONDS = 60
INTERVAL = "15s"


def start_drwatch(world):
    text = (ROOT / "examples/quickstart.yml").read_text(encoding="utf-8")
    text = text.replace("probe_interval: 5s", f"probe_interval: {INTERVAL}")
    text = text.replace("evaluation_interval: 5s", f"evaluation_interval: {INTERVAL}")
    program = Drwatch(world.folder / "drwatch")
    began = time.monotonic()
    program.start(text, env=world.environment("http://127.0.0.1:1"))
    return program, time.monotonic() - began


def start_chain(world):
    folder = world.folder
    exporters = {"postgres-primary": PostgresExporter(folder / "pge1").start(world.primary.url("drwatch")),
                 "redis": RedisExporter(folder / "re1").start(world.redis.port)}
    blackbox = Blackbox(folder / "bb").start()
    manager = Alertmanager(folder / "am").start("route: {receiver: none}\nreceivers: [{name: none}]\n")
    job = []
    for name, exporter in exporters.items():
        job += [f"- job_name: {name}", f"  static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]"]
    job += ["- job_name: blackbox", "  metrics_path: /probe", "  params: {module: [http], target: ['"
            + world.nginx.url("/health") + "']}", f"  static_configs: [{{targets: ['127.0.0.1:{blackbox.port}']}}]"]
    prometheus = Prometheus(folder / "prom")
    prometheus.start(prometheus_text(job, manager.port, INTERVAL, INTERVAL, f"{ROOT}/rules/*.yml"))
    return [prometheus, manager, blackbox, *exporters.values()]


def row(label, servers, seconds):
    pids = [server.process.pid for server in servers]
    began = cpu_nanoseconds(pids)
    time.sleep(seconds)
    spent = (cpu_nanoseconds(pids) - began) / 1e6 / seconds
    resident, _, threads = usage(pids)
    return f"| {label} | {len(pids)} | {threads} | {resident / 2**20:.1f} MiB | {spent:.2f} ms |"


def main():
    world = World()
    try:
        world.start()
        program, ready = start_drwatch(world)
        world.keep(program)
        chain = [world.keep(server) for server in start_chain(world)]
        wait_until(lambda: program.value('backup_verification_success{backup="shop-base"}') == 1, timeout=60,
                   what="verified")
        time.sleep(20)
        rows = [row("drwatch", [program], SECONDS),
                row("Prometheus + Alertmanager + blackbox + PostgreSQL and Redis exporter", chain, SECONDS)]
        write_section("footprint", "## Footprint on the demo world\n\n"
                      f"`scripts/bench footprint`, {INTERVAL} intervals, {SECONDS} s idle, after the first verification; "
                      f"{machine()}, {time.strftime('%Y-%m-%d')}. drwatch was ready {ready:.2f} s after its start, first "
                      "probes included. The chain watches one PostgreSQL and one Redis server and no backups; drwatch "
                      "watches both pairs and the backup folder.\n\n"
                      "| side | processes | threads | resident memory | CPU per second |\n|---|---|---|---|---|\n"
                      + "\n".join(rows))
    finally:
        world.close()


if __name__ == "__main__":
    main()
