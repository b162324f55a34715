#!/usr/bin/python3
"""Starts a small real world on loopback, runs drwatch on it, prints where to look, and ends everything on Ctrl-C."""

import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))

from receivers import FakeReceivers  # noqa: E402
from servers import Nginx, Postgres, Redis, fill_backup_folder, free_port, http_get, wait_until  # noqa: E402

PROGRAM = ROOT / "build/release/exporter/drwatch"
HEALTHY = '{"status":"healthy","checks":{"database":true,"redis":true}}'


class World:
    """The demo's servers; close() ends them and removes their folder."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drwatch-demo-"))
        self.folder.chmod(0o755)
        self.servers = []

    def keep(self, server):
        self.servers.append(server)
        return server

    def start(self):
        self.primary = self.keep(Postgres(self.folder / "primary").create().start())
        self.primary.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch")
        self.primary.sql("CREATE DATABASE shop")
        self.primary.sql("CREATE TABLE orders AS SELECT g AS id, md5(g::text) AS note FROM generate_series(1,5000) g",
                         "shop")
        self.standby = self.keep(Postgres(self.folder / "standby").make_standby_of(self.primary).start())
        self.redis = self.keep(Redis(self.folder / "redis").start("--appendonly", "yes"))
        self.replica = self.keep(Redis(self.folder / "redis-replica").start(
            "--replicaof", f"127.0.0.1 {self.redis.port}"))
        self.nginx = self.keep(Nginx(self.folder / "nginx").start())
        self.nginx.set("/health", 200, HEALTHY)
        fill_backup_folder(self.primary, self.folder / "backup", "shop")
        self.redis.command("SET", "greeting", "hello")
        wait_until(lambda: self.primary.sql("SELECT count(*) FROM pg_stat_replication WHERE state='streaming'") == "1",
                   what="streaming")
        wait_until(lambda: "master_link_status:up" in self.replica.command("INFO", "replication"), what="replica link")
        return self

    def environment(self, receiver_url):
        return {**os.environ, "DEMO": str(self.folder), "PRIMARY_PORT": str(self.primary.port),
                "STANDBY_PORT": str(self.standby.port), "REDIS_PORT": str(self.redis.port),
                "REDIS_REPLICA_PORT": str(self.replica.port), "NGINX_PORT": str(self.nginx.port),
                "RECEIVER_URL": receiver_url}

    def close(self):
        for server in reversed(self.servers):
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class PrintingReceivers(FakeReceivers):
    """Plays PagerDuty and Slack, and prints what they would show."""

    def handle(self, handler):
        super().handle(handler)
        request = self.requests[-1]
        if request.kind == "pagerduty" and isinstance(request.body, dict):
            summary = request.body.get("payload", {}).get("summary", "")
            print(f"  [PagerDuty] {request.body.get('event_action')}: {summary or request.body.get('dedup_key')}", flush=True)
        elif request.kind == "slack" and isinstance(request.body, dict):
            print(f"  [Slack] {request.body.get('text', '').splitlines()[0]}", flush=True)


def pick_port():
    """10911 if it is free, else any."""
    import socket
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 10911))
            return 10911
        except OSError:
            return free_port()


def advice(world, url):
    return f"""
drwatch is watching. Look at
  {url}/            status of every probe and alert
  {url}/metrics     what Prometheus scrapes
  {url}/api/v1/alerts

Try a disaster in another terminal, and watch the pages arrive here:
  kill -STOP {world.primary.process.pid}                                 the primary hangs       (kill -CONT repairs it)
  psql -h 127.0.0.1 -p {world.standby.port} -U postgres -c 'select pg_wal_replay_pause()'    replay stops (pg_wal_replay_resume)
  redis-cli -p {world.replica.port} replicaof no one                     the replica leaves
  truncate -s -100 {world.folder}/backup/shop-*.dump    the newest dump loses its end

Ask ad hoc, without a configuration:
  {PROGRAM} --once postgres://drwatch@127.0.0.1:{world.primary.port}/postgres {world.folder}/backup

Ctrl-C ends drwatch and every server.
"""


def main():
    signals = []  # no threading.Event: its set() in a handler waits for ever if it interrupts its wait()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: signals.append(number))
    print("starting PostgreSQL with a standby, Redis with a replica, nginx and a backup folder ...", flush=True)
    world = World()
    receivers = PrintingReceivers()
    status = 0
    try:
        world.start()
        from servers import Server
        server = world.keep(Server(world.folder / "drwatch"))
        port = pick_port()
        url = f"http://127.0.0.1:{port}"
        server.spawn([PROGRAM, f"--config.file={ROOT}/examples/quickstart.yml", f"--web.listen-address=127.0.0.1:{port}"],
                     env=world.environment(receivers.url("")))
        wait_until(lambda: server.process.poll() is not None or http_get(f"{url}/-/ready")[0] == 200,
                   timeout=30, what="drwatch ready")
        print(advice(world, url), flush=True)
        while not signals:
            time.sleep(0.2)
            if server.process.poll() is not None:
                print(f"drwatch ended with {server.process.returncode}:\n{server.log_text()}", file=sys.stderr)
                status = 1
                break
    finally:
        print("stopping ...", flush=True)
        world.close()
        receivers.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
