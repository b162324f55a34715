"""How long coming back takes at the least, from real backups that were really read: numbers, evidence, a page and its resolve."""

import json
import os
import shutil
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from servers import PG_BIN, Postgres, wait_until
from wal_history import archive, base_backup

ESTIMATE = 'dr_rto_estimated_seconds{scenario="%s"}'


@pytest.fixture
def primary(folder, keep):
    server = keep(Postgres(folder / "primary").create().start())
    server.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch;"
               "CREATE TABLE t AS SELECT g, md5(g::text) AS v FROM generate_series(1, 100000) g")
    return server


def dump(server, folder):
    folder.mkdir(exist_ok=True)
    path = folder / "shop-1.dump"
    server.run(f"{PG_BIN}/pg_dump", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-Fc", "-f", server.folder / "shop-1.dump", "postgres")
    shutil.move(server.folder / "shop-1.dump", path)
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def dump_probe(path, **verify):
    return {"name": "nightly", "type": "backup", "service": "shop", "path": str(path.parent), "pattern": "shop-*.dump", "max_age": "26h",
            "quiet_time": "200ms", "verify": verify}


def start(drwatch, folder, receivers, probes, rto, **more):
    text = config(folder, receivers, probes, **more)
    drwatch.start(text.replace("services: [{name: shop, rpo: 1h}]", f"services: [{{name: shop, rpo: 1h, rto: {rto}}}]"))


def first_path(drwatch, scenario):
    """What the scenario says, and its newest way back."""
    service = json.loads(drwatch.get("/api/dr/recovery")[1])["data"]["services"][0]
    found = next(entry for entry in service["scenarios"] if entry["scenario"] == scenario)
    return found, found["paths"][0]


def test_only_a_standby_is_back_in_no_time(folder, drwatch, receivers, primary, keep):
    path = dump(primary, folder / "backup")
    other = Postgres(folder / "standby")
    probes = [dump_probe(path, read_rate="unlimited"),
              {"name": "pg-primary", "type": "postgres", "service": "shop", "dsn": primary.url("drwatch")},
              {"name": "pg-standby", "type": "postgres", "service": "shop", "dsn": other.url("drwatch"), "primary": "pg-primary"}]
    # Nothing is read within a millisecond; a real objective would need a real amount of data.
    rule = built_in("RTOExceeded", shorter=[("dr_rto_estimated_seconds >", 'dr_rto_estimated_seconds{scenario="server_lost"} >')])
    start(drwatch, folder, receivers, probes, "1ms", rules=rule, extra="builtin_rules: false")
    page = expect_page(receivers, "RTOExceeded", wait_until)
    assert page.body["payload"]["severity"] == "warning"
    assert "shop would take at least" in page.body["payload"]["summary"]
    scenario, way = first_path(drwatch, "server_lost")
    assert scenario["estimate_beyond_target"] is True
    assert way["artefact"] == "shop-1.dump"
    step = way["steps"][0]
    assert step["bytes"] == step["measured_bytes"] == path.stat().st_size
    assert step["at_least_seconds"] == step["measured_seconds"] > 0.001
    keep(other.make_standby_of(primary).start())
    expect_resolve(receivers, page, wait_until)
    assert drwatch.value(ESTIMATE % "server_lost") == 0
    assert drwatch.value(ESTIMATE % "database_corrupted") > 0.001, "a standby has replayed the corruption, too"
    assert first_path(drwatch, "server_lost")[1]["steps"] == []


def test_waiting_for_the_read_rate_is_no_time_of_a_restore(folder, drwatch, receivers, primary):
    path = dump(primary, folder / "backup")
    seconds = 3
    rate = path.stat().st_size // seconds
    start(drwatch, folder, receivers, [dump_probe(path, read_rate=f"{rate}B/s", every="1h")], "1h", interval="2s")
    wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="verified at that rate")
    assert drwatch.value("backup_verification_duration_seconds") > seconds * 0.8
    wait_until(lambda: drwatch.value(ESTIMATE % "server_lost") is not None, what="an estimate")
    estimate = drwatch.value(ESTIMATE % "server_lost")
    assert 0 < estimate < seconds / 2
    # What was measured outlasts a restart: nothing is read again.
    drwatch.kill()
    drwatch.start()
    wait_until(lambda: drwatch.value(ESTIMATE % "server_lost") == pytest.approx(estimate), what="the same estimate")
    assert drwatch.value("backup_verified_bytes_total") == 0


def test_what_nobody_reads_has_no_estimate(folder, drwatch, receivers, primary):
    path = dump(primary, folder / "backup")
    start(drwatch, folder, receivers, [{**dump_probe(path), "verify": False}], "1h")
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="server_lost"}') == 1, what="a way back")
    scenario, way = first_path(drwatch, "server_lost")
    assert scenario["estimated_seconds"] is None and scenario["estimate_beyond_target"] is None
    assert way["steps"][0]["bytes"] == path.stat().st_size and way["steps"][0]["measured_bytes"] is None
    assert not drwatch.query("dr_rto_estimated_seconds")


def test_wal_since_the_base_backup_has_to_be_read(folder, drwatch, receivers, primary):
    archive(primary, 1)
    base_backup(primary, "base-1")
    archive(primary, 2)
    probes = [{"name": "pg", "type": "postgres", "service": "shop", "dsn": primary.url("drwatch")},
              {"name": "base", "type": "backup", "service": "shop", "path": str(primary.folder / "bases"), "kind": "full", "max_age": "1d",
               "quiet_time": "200ms", "verify": {"read_rate": "unlimited"}},
              {"name": "wal", "type": "wal_archive", "service": "shop", "path": str(primary.archive), "primary": "pg",
               "read_rate": "unlimited"}]
    start(drwatch, folder, receivers, probes, "1h")

    def steps():
        way = first_path(drwatch, "database_corrupted")[1]
        return way["steps"] if way["kind"] == "wal_archive" and way["at_least_seconds"] is not None else None
    segment = 16 * 1024 * 1024
    base, wal = wait_until(steps, what="a way back by WAL")
    assert base["artefact"] == "base-1" and base["what"] == "backup" and wal["what"] == "wal"
    before = wal["bytes"]
    assert before >= 2 * segment and before % segment == 0
    archive(primary, 3)
    wait_until(lambda: (steps() or [base, wal])[1]["bytes"] == before + 3 * segment, what="more WAL to replay")
    scenario, way = first_path(drwatch, "database_corrupted")
    base, wal = way["steps"]
    for step in (base, wal):
        assert step["at_least_seconds"] == pytest.approx(step["measured_seconds"] * step["bytes"] / step["measured_bytes"])
    assert scenario["estimated_seconds"] == pytest.approx(base["at_least_seconds"] + wal["at_least_seconds"])
    base_backup(primary, "base-2")
    archive(primary, 1)
    wait_until(lambda: (steps() or [base])[0]["artefact"] == "base-2", what="a new base backup to begin with")
    assert steps()[1]["bytes"] <= 2 * segment
