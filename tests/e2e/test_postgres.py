"""PostgreSQL: from fault to page to repair to resolve, on a real primary and standby."""

import time

import pytest
from configs import config, expect_page, expect_resolve, lag_rule
from servers import Postgres, wait_until


@pytest.fixture
def standby(folder, keep, primary):
    return keep(Postgres(folder / "standby").make_standby_of(primary).start())


def primary_probe(server, **expect):
    return {"name": "pg-primary", "type": "postgres", "service": "shop", "dsn": server.url("drwatch"),
            "expect": {"role": "primary", **expect}}


def standby_probe(server):
    return {"name": "pg-standby", "type": "postgres", "service": "shop", "dsn": server.url("drwatch"),
            "primary": "pg-primary", "expect": {"role": "standby"}}


def lag(drwatch):
    return drwatch.value('replication_lag_seconds{probe="pg-standby"}')


def write(primary, count=1):
    for _ in range(count):
        primary.sql("INSERT INTO t SELECT repeat('x', 200) FROM generate_series(1, 50)")


def test_primary_stopped_pages_and_resolves(folder, drwatch, receivers, primary):
    drwatch.start(config(folder, receivers, [primary_probe(primary)]))
    assert drwatch.value("postgres_up") == 1
    primary.stop()
    page = expect_page(receivers, "DatabaseDown", wait_until)
    assert page.body["payload"]["severity"] == "critical"
    assert "pg-primary" in page.body["payload"]["summary"]
    assert any("/runbooks/DatabaseDown" in link["href"] for link in page.body["links"])
    assert drwatch.value("postgres_up") == 0
    wait_until(lambda: drwatch.value('probe_failure_info{reason="connection_refused"}') == 1, what="the port closed, once it has shut down")
    wait_until(lambda: any("DatabaseDown" in str(r.body) for r in receivers.accepted("slack")), what="slack message")
    primary.start()
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: not receivers.open_incidents(), what="no open incident")


def test_hung_primary_times_out_and_delays_nobody(folder, drwatch, receivers, primary, keep):
    other = keep(Postgres(folder / "other").create().start())
    other.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch")
    drwatch.start(config(folder, receivers, [
        primary_probe(primary),
        {"name": "pg-other", "type": "postgres", "dsn": other.url("drwatch")}], timeout="1s"))
    primary.freeze()
    try:
        page = expect_page(receivers, "DatabaseDown", wait_until)
        assert drwatch.value('probe_failure_info{probe="pg-primary",reason="timeout"}') == 1
        runs = 'drwatch_probe_runs_total{probe="pg-other"}'
        before, started = wait_until(lambda: drwatch.value(runs), what="runs counted"), time.monotonic()
        wait_until(lambda: (drwatch.value(runs) or 0) >= before + 6, timeout=6, what="the other probe keeps its pace")
        assert time.monotonic() - started < 6
        assert drwatch.value('postgres_up{probe="pg-other"}') == 1
    finally:
        primary.thaw()
    expect_resolve(receivers, page, wait_until)


def test_idle_primary_has_no_lag(folder, drwatch, receivers, primary, standby):
    drwatch.start(config(folder, receivers, [primary_probe(primary, standbys=1), standby_probe(standby)]))
    wait_until(lambda: lag(drwatch) is not None, what="lag known")
    wait_until(lambda: drwatch.value("postgres_standbys") == 1, what="standby seen")
    end = time.monotonic() + 5
    while time.monotonic() < end:
        assert lag(drwatch) < 1
        time.sleep(0.2)
    write(primary)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert lag(drwatch) < 2
        time.sleep(0.2)
    assert not receivers.pages()


def test_paused_replay_pages_and_resolves(folder, drwatch, receivers, primary, standby):
    drwatch.start(config(folder, receivers, [primary_probe(primary), standby_probe(standby)], rules=lag_rule(2)))
    standby.sql("SELECT pg_wal_replay_pause()")
    wait_until(lambda: standby.sql("SELECT pg_get_wal_replay_pause_state()") == "paused", what="paused")
    write(primary)
    page = expect_page(receivers, "TestLag", wait_until)
    assert drwatch.value("postgres_replay_paused") == 1
    standby.sql("SELECT pg_wal_replay_resume()")
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: lag(drwatch) < 1, what="caught up")


def test_cut_link_pages_while_the_primary_keeps_writing(folder, drwatch, receivers, primary, standby):
    drwatch.start(config(folder, receivers, [primary_probe(primary), standby_probe(standby)], rules=lag_rule(2)))
    original = standby.sql("SHOW primary_conninfo").replace("'", "''")
    standby.sql("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'")
    standby.sql("SELECT pg_reload_conf()")
    wait_until(lambda: standby.sql("SELECT count(*) FROM pg_stat_wal_receiver") == "0", what="receiver gone")
    write(primary, 3)
    page = expect_page(receivers, "TestLag", wait_until)
    wait_until(lambda: drwatch.value("postgres_wal_receiver_streaming") == 0, what="receiver seen gone")
    wait_until(lambda: (drwatch.value("replication_lag_bytes") or 0) > 0, what="what it has not got counted")
    standby.sql(f"ALTER SYSTEM SET primary_conninfo = '{original}'")
    standby.sql("SELECT pg_reload_conf()")
    expect_resolve(receivers, page, wait_until, timeout=30)


def test_of_several_hosts_the_wanted_one_is_probed(folder, drwatch, receivers, primary, standby):
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"
    roles = {"read-write": "primary", "primary": "primary", "read-only": "standby", "prefer-standby": "standby"}
    drwatch.start(config(folder, receivers, [
        {"name": wanted, "type": "postgres", "service": "shop", "expect": {"role": role},
         "dsn": f"postgres://drwatch@{hosts}/postgres?target_session_attrs={wanted}"} for wanted, role in roles.items()]))
    for wanted in roles:
        wait_until(lambda wanted=wanted: drwatch.value(f'probe_success{{probe="{wanted}"}}') == 1, what=wanted)


def test_lag_survives_a_restart_of_drwatch(folder, drwatch, receivers, primary, standby):
    drwatch.start(config(folder, receivers, [primary_probe(primary), standby_probe(standby)]))
    standby.sql("SELECT pg_wal_replay_pause()")
    wait_until(lambda: standby.sql("SELECT pg_get_wal_replay_pause_state()") == "paused", what="paused")
    write(primary)
    wait_until(lambda: lag(drwatch) > 3, what="lag grows")
    drwatch.kill()
    drwatch.start()
    wait_until(lambda: (lag(drwatch) or 0) > 3, timeout=5, what="lag remembered")
    standby.sql("SELECT pg_wal_replay_resume()")


def test_promotion_is_seen_as_two_primaries(folder, drwatch, receivers, primary, standby):
    rules = """
groups:
- name: test
  rules:
  - alert: TestTwoPrimaries
    expr: count by (system_identifier) (count by (system_identifier, server) (postgres_primary_info)) > 1
    labels: {severity: disaster}
    annotations: {summary: two primaries}
"""
    drwatch.start(config(folder, receivers, [primary_probe(primary), standby_probe(standby)], rules=rules))
    wait_until(lambda: lag(drwatch) is not None, what="lag known")
    standby.sql("SELECT pg_promote()")
    page = expect_page(receivers, "TestTwoPrimaries", wait_until)
    assert page.body["payload"]["severity"] == "critical", "disaster is told to PagerDuty as critical"
    assert lag(drwatch) is None, "a primary has no replication lag"
    assert drwatch.value('postgres_timeline{probe="pg-standby"}') == 2
    primary.stop()
    expect_resolve(receivers, page, wait_until)


def test_facts_of_the_primary(folder, drwatch, receivers, primary):
    drwatch.start(config(folder, receivers, [primary_probe(primary, settings={"wal_level": "replica"})]))
    identifier = primary.sql("SELECT system_identifier FROM pg_control_system()")
    assert drwatch.value(f'postgres_primary_info{{system_identifier="{identifier}"}}') == 1
    assert drwatch.value("postgres_timeline") == 1
    assert 0 < drwatch.value("postgres_connections_used_ratio") < 1
    assert drwatch.value("postgres_data_checksums_enabled") == 1
    assert drwatch.value('postgres_setting_expected{setting="wal_level"}') == 0
    primary.sql("SELECT pg_create_physical_replication_slot('spare', true)")
    wait_until(lambda: drwatch.value('postgres_slot_active{slot="spare"}') == 0, what="slot seen")
    write(primary)
    primary.sql("SELECT pg_switch_wal()")
    wait_until(lambda: (drwatch.value("postgres_archiver_archived_total") or 0) > 0, what="archived")
    assert drwatch.value("postgres_archiver_failing") == 0


def test_failing_archiver_is_seen(folder, drwatch, receivers, primary):
    drwatch.start(config(folder, receivers, [primary_probe(primary)]))
    primary.sql("ALTER SYSTEM SET archive_command = '/bin/false'")
    primary.sql("SELECT pg_reload_conf()")
    write(primary)
    primary.sql("SELECT pg_switch_wal()")
    wait_until(lambda: drwatch.value("postgres_archiver_failing") == 1, timeout=30, what="archiver failing")
    wait_until(lambda: (drwatch.value("wal_archive_lag_bytes") or 0) > 0, what="archive lag")


def test_wrong_password_is_named_and_never_shown(folder, drwatch, receivers, primary):
    primary.sql("ALTER ROLE drwatch PASSWORD 'right'")
    hba = primary.data / "pg_hba.conf"
    hba.write_text("host all drwatch 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n", encoding="ascii")
    primary.sql("SELECT pg_reload_conf()")
    probe = primary_probe(primary)
    probe["dsn"] = probe["dsn"].replace("drwatch@", "drwatch:wrong-hunter2@")
    drwatch.start(config(folder, receivers, [probe]))
    wait_until(lambda: drwatch.value('probe_failure_info{reason="auth"}') == 1, what="auth failure")
    for text in (drwatch.metrics(), drwatch.get("/")[1], drwatch.log_text(), str(drwatch.api("/api/v1/rules")),
                 str([r.body for r in receivers.requests])):
        assert "hunter2" not in text
