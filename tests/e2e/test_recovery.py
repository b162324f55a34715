"""What would be lost and how many copies there are, from real dumps in two places: numbers, evidence, a page and its resolve."""

import hashlib
import json
import os
import shutil
import subprocess
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from servers import Postgres, Redis, fill_backup_folder, made_at, wait_until

SERVICES = "services: [{name: shop, rpo: 1h, region: us-east-1, copies: 2, offsite_copies: 1}]"
RULES = built_in("CopyMissing", "CopyDiffers", "BackupSlotMissed", "NoRecoveryPoint")


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    """The bytes of a real dump, made once."""
    folder = tmp_path_factory.mktemp("dump")
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    server = Postgres(folder / "postgres").create().start()
    server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g")
    try:
        return fill_backup_folder(server, folder / "backup")[0].read_bytes()
    finally:
        server.stop()


@pytest.fixture
def places(folder, dump):
    """Two folders with the same dump, ten minutes old."""
    dump = made_at(dump, time.time() - 600)
    for name in ("here", "there"):
        (folder / name).mkdir()
        write(folder / name / "shop-1.dump", dump, 600)
    return folder / "here", folder / "there"


def write(path, content, age):
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))


def probe(name, path, **more):
    return {"name": name, "type": "backup", "service": "shop", "backup": "nightly", "path": str(path), "pattern": "shop-*.dump",
            "max_age": "26h", "quiet_time": "200ms", **more}


def both(places):
    return [probe("here", places[0], location="primary", region="us-east-1"),
            probe("there", places[1], location="dr", region="us-west-2", offsite=True)]


def start(drwatch, folder, receivers, probes, rules=RULES):
    text = config(folder, receivers, probes, rules=rules, extra="builtin_rules: false").replace("services: [{name: shop, rpo: 1h}]", SERVICES)
    assert SERVICES in text
    drwatch.start(text)


def ask(drwatch, path):
    status, body = drwatch.get(path)
    assert status == 200, body
    return json.loads(body)["data"]


def test_points_of_each_scenario_and_their_evidence(folder, drwatch, receivers, places, dump):
    write(places[0] / "shop-2.dump", made_at(dump, time.time() - 60), 60)
    start(drwatch, folder, receivers, both(places))
    achieved = 'dr_rpo_achieved_seconds{service="shop",scenario="%s"}'
    wait_until(lambda: 60 <= (drwatch.value(achieved % "database_corrupted") or 0) < 600, what="the newest dump counts")
    wait_until(lambda: 600 <= (drwatch.value(achieved % "site_lost") or 0) < 700,
               what="only the copy elsewhere survives the site")
    assert 600 <= drwatch.value(achieved % "region_lost") < 700
    assert drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 2
    assert drwatch.value('dr_recovery_paths{scenario="region_lost"}') == 1
    services = ask(drwatch, "/api/dr/recovery")["services"]
    scenarios = {entry["scenario"]: entry for entry in services[0]["scenarios"]}
    assert scenarios["server_lost"]["paths"][0]["artefact"] == "shop-2.dump"
    assert scenarios["site_lost"]["paths"][0]["artefact"] == "shop-1.dump"
    assert scenarios["site_lost"]["within_target"] is True
    backup = ask(drwatch, "/api/dr/backups")["backups"][0]
    assert backup["latest_good"]["name"] == "shop-2.dump"
    assert backup["latest_good"]["location"] == "primary"
    assert [place["latest_good"]["name"] for place in backup["places"]] == ["shop-2.dump", "shop-1.dump"]
    assert drwatch.value('backup_copy_lag_seconds{location="dr"}') == pytest.approx(540, abs=2)


def test_a_copy_that_is_lost_pages_until_it_is_back(folder, drwatch, receivers, places):
    start(drwatch, folder, receivers, both(places))
    wait_until(lambda: drwatch.value('backup_copies{backup="nightly"}') == 2, what="two copies")
    assert drwatch.value('backup_offsite_copies{backup="nightly"}') == 1
    assert drwatch.value('backup_copies_identical{backup="nightly"}') == 1
    (places[1] / "shop-1.dump").unlink()
    page = expect_page(receivers, "CopyMissing", wait_until)
    assert drwatch.value('backup_offsite_copies{backup="nightly"}') == 0
    # Nothing would survive the site now: the scenario stays and says so.
    assert drwatch.value('dr_recovery_paths{scenario="site_lost"}') == 0
    assert not drwatch.query('dr_rpo_achieved_seconds{scenario="site_lost"}')
    write(places[1] / "shop-1.dump", (places[0] / "shop-1.dump").read_bytes(), 600)
    expect_resolve(receivers, page, wait_until)


def test_a_byte_that_only_a_digest_can_tell(folder, drwatch, receivers, places):
    """A tar archive has no checksum of its members' content: both copies are intact, of one size, and not the same."""
    (folder / "file").write_bytes(bytes(range(256)) * 400)
    subprocess.run(["tar", "-cf", folder / "shop-2.dump", "-C", folder, "file"], check=True)
    content = bytearray((folder / "shop-2.dump").read_bytes())
    write(places[0] / "shop-2.dump", content, 300)
    content[5000] ^= 1
    write(places[1] / "shop-2.dump", content, 300)
    start(drwatch, folder, receivers, both(places))
    page = expect_page(receivers, "CopyDiffers", wait_until)
    assert drwatch.value('backup_verification_success{location="dr"}') == 1
    assert drwatch.value('backup_copy_difference_info{artefact="shop-2.dump",by="digest",location="dr"}') == 1
    backup = ask(drwatch, "/api/dr/backups")["backups"][0]
    digests = [place["stored"][0]["digest"] for place in backup["places"]]
    assert backup["differences"] == [{"location": "dr", "by": "digest", "detail": f"{digests[1]} instead of {digests[0]}"}]
    assert digests[1] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    content[5000] ^= 1
    write(places[1] / "shop-2.dump", content, 300)
    expect_resolve(receivers, page, wait_until)


def test_a_copy_cut_short_is_not_the_same(folder, drwatch, receivers, places):
    whole = (places[1] / "shop-1.dump").read_bytes()
    start(drwatch, folder, receivers, both(places))
    wait_until(lambda: drwatch.value('backup_copies_identical{backup="nightly"}') == 1, what="the same")
    write(places[1] / "shop-1.dump", whole[:-100], 600)
    page = expect_page(receivers, "CopyDiffers", wait_until)
    assert ask(drwatch, "/api/dr/backups")["backups"][0]["differing"] == "shop-1.dump"
    write(places[1] / "shop-1.dump", whole, 600)
    expect_resolve(receivers, page, wait_until)


def test_the_only_good_copy_is_not_the_odd_one(folder, drwatch, receivers, places, dump):
    """The copy at the site itself was cut short: who copies it over the one that differs has none any more."""
    name = time.strftime("shop-%Y%m%dT%H%M%SZ.dump", time.gmtime(time.time() - 300))
    write(places[0] / name, dump[:-100], 300)
    write(places[1] / name, dump, 300)
    start(drwatch, folder, receivers, both(places))
    expect_page(receivers, "CopyDiffers", wait_until)
    odd = [{"location": "primary", "by": "size", "detail": f"{len(dump) - 100} bytes instead of {len(dump)}"}]
    wait_until(lambda: ask(drwatch, "/api/dr/backups")["backups"][0]["differences"] == odd, what="the place of the damaged copy")
    wait_until(lambda: drwatch.value('backup_copy_difference_info{location="primary",by="size"}') == 1, what="as a metric, too")


def test_a_snapshot_of_redis_stands_in_for_no_database(folder, drwatch, receivers, places):
    """Nobody says what the second folder holds: fresh snapshots must not hide that no dump is left."""
    (folder / "cache").mkdir()
    server = Redis(folder / "redis").start()
    try:
        server.command("SET", "greeting", "hello")
        subprocess.run(["redis-cli", "-p", str(server.port), "--rdb", folder / "cache/snapshot.rdb"], check=True, capture_output=True)
    finally:
        server.stop()
    probes = [probe("here", places[0]), {"name": "cache", "type": "backup", "service": "shop", "path": str(folder / "cache"),
                                         "max_age": "26h", "quiet_time": "200ms"}]
    start(drwatch, folder, receivers, probes)
    achieved = 'dr_rpo_achieved_seconds{scenario="database_corrupted"}'
    wait_until(lambda: 600 <= (drwatch.value(achieved) or 0) < 700, what="the dump decides")

    def data():
        scenarios = ask(drwatch, "/api/dr/recovery")["services"][0]["scenarios"]
        found = next(each for each in scenarios if each["scenario"] == "database_corrupted")
        return sorted(path["data"] for path in found["paths"]), found["not_recoverable"]
    wait_until(lambda: data() == (["database", "redis"], []), what="two kinds of data")
    saved = (places[0] / "shop-1.dump").read_bytes()
    (places[0] / "shop-1.dump").unlink()
    page = expect_page(receivers, "NoRecoveryPoint", wait_until)
    wait_until(lambda: data() == (["redis"], ["database"]), what="what is lost")
    write(places[0] / "shop-1.dump", saved, 600)
    expect_resolve(receivers, page, wait_until)


def test_a_hole_in_the_schedule(folder, drwatch, receivers, dump):
    (folder / "here").mkdir()
    hour = int(time.time()) // 3600 * 3600
    for hours in (5, 4, 2, 1, 0):
        name = time.strftime("shop-%Y%m%dT%H%M%SZ.dump", time.gmtime(hour - hours * 3600))
        write(folder / "here" / name, dump, time.time() - (hour - hours * 3600))
    spec = probe("here", folder / "here", schedule="0 * * * *", grace="1m", retention="7d")
    start(drwatch, folder, receivers, [spec])
    page = expect_page(receivers, "BackupSlotMissed", wait_until)
    assert page.body["payload"]["summary"] == "BackupSlotMissed: Backup nightly at primary has holes"
    assert drwatch.value("backup_schedule_missed_slots") == 1
    assert 5 / 168 * 0.9 < drwatch.value("backup_retention_covered_ratio") < 5 / 168 * 1.1
    missing = time.strftime("shop-%Y%m%dT%H%M%SZ.dump", time.gmtime(hour - 3 * 3600))
    shutil.copy2(next((folder / "here").iterdir()), folder / "here" / missing)
    expect_resolve(receivers, page, wait_until)


def test_an_only_copy_that_is_overwritten(folder, drwatch, receivers, dump):
    """Read for seconds as a large one is for hours: meanwhile nobody is paged, and nothing is called good that is not."""
    (folder / "here").mkdir()
    latest = folder / "here" / "latest.dump"
    write(latest, made_at(dump, time.time() - 900), 900)
    services = SERVICES.replace("copies: 2, offsite_copies: 1", "copies: 1")

    def start_reading(rate):
        spec = probe("here", folder / "here", pattern="latest.dump", verify={"read_rate": rate})
        text = config(folder, receivers, [spec], rules=RULES, extra="builtin_rules: false")
        drwatch.start(text.replace("services: [{name: shop, rpo: 1h}]", services))
        wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="proven")
    start_reading("unlimited")
    drwatch.stop()
    start_reading(f"{len(dump) // 5000}KiB/s")

    def way_back():
        scenarios = {entry["scenario"]: entry for entry in ask(drwatch, "/api/dr/recovery")["services"][0]["scenarios"]}
        paths = scenarios["database_corrupted"]["paths"]
        return paths[0] if paths else None
    assert way_back()["proven"] is True
    write(latest, made_at(dump, time.time() - 300), 300)
    wait_until(lambda: drwatch.value("backup_presumed_timestamp_seconds"), what="the old one stands in")
    assert way_back()["proven"] is False
    achieved = 'dr_rpo_achieved_seconds{scenario="database_corrupted"}'
    wait_until(lambda: 900 <= (drwatch.value(achieved) or 0) < 960, what="the age of the old one")
    wait_until(lambda: drwatch.value('backup_copies{backup="nightly"}') == 1, what="the one copy")
    assert ask(drwatch, "/api/dr/backups")["backups"][0]["latest_good"] is None, "the bytes of the good one are gone"
    wait_until(lambda: drwatch.value("backup_presumed_timestamp_seconds") is None, timeout=30, what="the new one is read")
    wait_until(lambda: (way_back() or {}).get("proven") is True, what="the way back by the new one")
    wait_until(lambda: 300 <= (drwatch.value(achieved) or 0) < 360, what="the age of the new one")
    assert not receivers.pages(), "an overwritten copy pages nobody"
    write(latest, made_at(dump, time.time() - 200)[:-100], 200)
    page = expect_page(receivers, "NoRecoveryPoint", wait_until, timeout=30)
    assert way_back() is None
    write(latest, made_at(dump, time.time() - 100), 100)
    expect_resolve(receivers, page, wait_until, timeout=30)
