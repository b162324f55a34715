"""Redis: stopped, replica unlinked, password, loading and persistence, on real servers."""

import pytest
from configs import built_in, config, expect_page, expect_resolve
from servers import Redis, Sentinel, wait_until


@pytest.fixture
def master(folder, keep):
    return keep(Redis(folder / "redis").start("--appendonly", "yes", password="hunter2"))


@pytest.fixture
def replica(folder, keep, master):
    server = keep(Redis(folder / "replica").start("--replicaof", f"127.0.0.1 {master.port}", password="hunter2"))
    wait_until(lambda: "master_link_status:up" in server.command("INFO", "replication"), what="link up")
    return server


def probe(server, name="cache", **more):
    return {"name": name, "type": "redis", "service": "shop", "address": f"redis://127.0.0.1:{server.port}",
            "password": "hunter2", **more}


def test_stopped_redis_pages_and_resolves(folder, drwatch, receivers, master):
    drwatch.start(config(folder, receivers, [probe(master, expect={"role": "master", "aof": True})]))
    assert drwatch.value("redis_up") == 1
    assert drwatch.value("redis_aof_enabled") == 1
    assert drwatch.value("redis_persistence_ok") == 1
    master.stop()
    page = expect_page(receivers, "RedisDown", wait_until)
    assert drwatch.value("redis_up") == 0
    master.start("--appendonly", "yes", password="hunter2")
    expect_resolve(receivers, page, wait_until)


RULES = """
groups:
- name: test
  rules:
  - alert: TestReplica
    expr: redis_master_link_up == 0 or redis_connected_replicas < redis_replicas_expected
    labels: {severity: warning}
    annotations: {summary: 'replication of {{ $labels.probe }} is broken'}
"""


def test_unlinked_replica_pages_and_resolves(folder, drwatch, receivers, master, replica):
    drwatch.start(config(folder, receivers, [
        probe(master, expect={"role": "master", "replicas": 1}),
        probe(replica, "replica", expect={"role": "replica"})], rules=RULES))
    wait_until(lambda: drwatch.value('redis_connected_replicas{probe="cache"}') == 1, what="replica seen")
    wait_until(lambda: drwatch.value('redis_master_link_up{probe="replica"}') == 1, what="link seen up")
    wait_until(lambda: (lag := drwatch.value('replication_lag_seconds{probe="replica"}')) is not None and lag < 30, what="no lag")
    replica.command("REPLICAOF", "127.0.0.1", "1")
    page = expect_page(receivers, "TestReplica", wait_until)
    wait_until(lambda: drwatch.value('redis_master_link_up{probe="replica"}') == 0, what="link seen down")
    replica.command("REPLICAOF", "127.0.0.1", master.port)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: not receivers.open_incidents(), what="no open incident")


def test_wrong_password_is_an_auth_failure(folder, drwatch, receivers, master):
    drwatch.start(config(folder, receivers, [probe(master, password="wrong-secret")]))
    wait_until(lambda: drwatch.value('probe_failure_info{reason="auth"}') == 1, what="auth")
    assert "wrong-secret" not in drwatch.metrics() + drwatch.get("/")[1] + drwatch.log_text()


def test_redis_without_promised_persistence(folder, drwatch, receivers, keep):
    server = keep(Redis(folder / "plain").start(password="hunter2"))
    drwatch.start(config(folder, receivers, [probe(server, expect={"aof": True})]))
    wait_until(lambda: drwatch.value("redis_persistence_ok") == 0, what="persistence")


def test_failing_snapshots_page_and_resolve(folder, drwatch, receivers, keep):
    """Nothing can be created in /proc, as on a disk that is full."""
    server = keep(Redis(folder / "saving").start("--enable-protected-configs", "yes", password="hunter2"))
    drwatch.start(config(folder, receivers, [probe(server)], rules=built_in("RedisPersistenceFailing"),
                         extra="builtin_rules: false"))
    wait_until(lambda: drwatch.value("redis_persistence_ok") == 1, what="persistence")
    server.command("CONFIG", "SET", "dir", "/proc")
    server.command("BGSAVE")
    page = expect_page(receivers, "RedisPersistenceFailing", wait_until)
    assert drwatch.value("redis_up") == 1
    server.command("CONFIG", "SET", "dir", folder / "saving")
    server.command("BGSAVE")
    expect_resolve(receivers, page, wait_until)


def test_a_sentinel_is_not_taken_for_the_redis_it_watches(folder, drwatch, receivers, keep, master):
    sentinel = keep(Sentinel(folder / "sentinel").start(master))
    watched = probe(sentinel)
    del watched["password"]
    drwatch.start(config(folder, receivers, [watched]))
    expect_page(receivers, "RedisDown", wait_until)
    assert drwatch.value('probe_failure_info{reason="protocol"}') == 1
    assert "a Sentinel answers at" in drwatch.get("/")[1]
