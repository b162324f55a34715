"""A scenario that nothing but an off-site standby covers: what its standby's death, return and lag do to it."""

import signal

import pytest
from configs import built_in, config
from servers import Postgres, wait_until
from test_backup_rules import write

SCENARIOS = {"database_corrupted", "server_lost", "site_lost"}


@pytest.fixture
def standby(folder, drwatch, receivers, keep):
    """Off-site, of a primary beside which a good dump lies; drwatch looks at all three."""
    primary = keep(Postgres(folder / "primary").create().start())
    primary.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch; CREATE TABLE t (n int)")
    server = keep(Postgres(folder / "standby").make_standby_of(primary).start())
    server.primary = primary
    (folder / "backup").mkdir()
    write(folder / "backup/shop-1.dump", age=60)
    probes = [{"name": "pg-primary", "type": "postgres", "service": "shop", "dsn": primary.url("drwatch")},
              {"name": "pg-dr", "type": "postgres", "service": "shop", "dsn": server.url("drwatch"), "primary": "pg-primary", "offsite": True},
              {"name": "nightly", "type": "backup", "service": "shop", "path": str(folder / "backup"), "pattern": "shop-*.dump",
               "quiet_time": "200ms"}]
    text = config(folder, receivers, probes, rules=built_in("NoRecoveryPoint", "RPOExceeded"), extra="builtin_rules: false")
    drwatch.start(text.replace("route: {", "route: {group_by: [alertname, scenario], "))
    wait_until(lambda: ways(drwatch) == {"database_corrupted": 1, "server_lost": 2, "site_lost": 1}, what="all ways back")
    return server


def ways(drwatch):
    return {dict(labels)["scenario"]: count for labels, count in drwatch.query("dr_recovery_paths").items()}


def open_pages(receivers):
    """{"NoRecoveryPoint site_lost", ...}"""
    summaries = [page["payload"]["summary"] for page in receivers.open_incidents().values()]
    return {f"{summary.split(':')[0]} {summary.split('(')[-1].split(')')[0]}" for summary in summaries}


def site_lost(drwatch):
    found = drwatch.api("/api/dr/recovery")["services"][0]["scenarios"]
    assert {entry["scenario"] for entry in found} == SCENARIOS, "a scenario stays when nothing of it is good any more"
    return next(entry for entry in found if entry["scenario"] == "site_lost")


def test_a_dead_standby_is_no_way_back_until_it_returns(drwatch, receivers, standby):
    assert site_lost(drwatch)["paths"][0]["kind"] == "standby"
    assert not receivers.pages()
    standby.stop(signal.SIGQUIT)
    wait_until(lambda: open_pages(receivers), what="page")
    assert open_pages(receivers) == {"NoRecoveryPoint site_lost"}
    assert ways(drwatch) == {"database_corrupted": 1, "server_lost": 1, "site_lost": 0}
    assert site_lost(drwatch)["recoverable"] is False and site_lost(drwatch)["not_recoverable"] == ["database"]
    # That the program itself is killed meanwhile makes it no better, and pages nobody again.
    drwatch.kill()
    drwatch.start()
    wait_until(lambda: ways(drwatch).get("site_lost") == 0, what="still none")
    standby.start()
    wait_until(lambda: not open_pages(receivers), what="resolve")
    assert ways(drwatch) == {"database_corrupted": 1, "server_lost": 2, "site_lost": 1}
    assert len(receivers.pages("trigger")) == 1


def test_a_standby_that_replays_no_more_falls_behind_its_objective(drwatch, receivers, standby):
    text = drwatch.config.read_text(encoding="utf-8")
    drwatch.config.write_text(text.replace("{name: shop, rpo: 1h}", "{name: shop, rpo: 5s}"), encoding="utf-8")
    drwatch.stop()
    drwatch.start()
    # The dump is older than that: what only the dump covers is told of, but not what the standby covers.
    dump_only = {"RPOExceeded database_corrupted"}
    wait_until(lambda: open_pages(receivers) == dump_only, what="page for what only the dump covers")
    standby.sql("SELECT pg_wal_replay_pause()")
    standby.primary.sql("INSERT INTO t VALUES (1)")
    wait_until(lambda: "RPOExceeded site_lost" in open_pages(receivers), what="page for the standby's lag")
    assert drwatch.value('dr_rpo_achieved_seconds{scenario="site_lost"}') > 5
    standby.sql("SELECT pg_wal_replay_resume()")
    wait_until(lambda: open_pages(receivers) == dump_only, what="resolve")
