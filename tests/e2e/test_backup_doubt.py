"""Backups that are not what they seem: what lies beside them, noise under their names, copies and files with a wrong date.

Each from a real fault to a page by the built-in rules, and from its repair to the resolve.
"""

import json
import os
import random
import shutil
import subprocess
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from servers import PG_BIN, Postgres, made_at, wait_until

HOUR, DAY = 3600, 86400


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    """Real dumps of one database."""
    folder = tmp_path_factory.mktemp("dumps")
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    server = Postgres(folder / "postgres").create().start()
    try:
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 5000) g")

        def dump(option):
            command = [f"{PG_BIN}/pg_dump", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", option]
            return subprocess.run(command, check=True, capture_output=True).stdout
        first = {"custom": dump("-Fc"), "plain": dump("-Fp")}
        server.sql("INSERT INTO t VALUES (0, 'more')")
        return {**first, "newer plain": dump("-Fp")}
    finally:
        server.stop()


@pytest.fixture
def backup(folder):
    (folder / "backup").mkdir()
    return folder / "backup"


def write(path, content, age):
    """`age` seconds old from its first moment on."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    then = time.time() - age
    os.utime(part, (then, then))
    part.rename(path)


def begun(dump, age):
    return made_at(dump, time.time() - age)


def probe(path, **more):
    return {"name": "nightly", "type": "backup", "service": "shop", "path": str(path), "max_age": "26h", "quiet_time": "200ms", **more}


def start(folder, drwatch, receivers, probes, *rules, shorter=(), rpo="26h"):
    text = config(folder, receivers, probes, rules=built_in(*rules, shorter=shorter), extra="builtin_rules: false")
    drwatch.start(text.replace("{name: shop, rpo: 1h}", f"{{name: shop, rpo: {rpo}}}"))


def is_good(drwatch, where="primary"):
    wait_until(lambda: drwatch.value(f'backup_success{{location="{where}"}}') == 1, what="a good backup")
    wait_until(lambda: drwatch.value(f'backup_verification_success{{location="{where}"}}') == 1, what="verified")


def fails_for(drwatch, reason):
    return drwatch.value(f'probe_failure_info{{probe="nightly",reason="{reason}"}}') == 1


def test_what_a_failing_job_leaves_beside_its_dumps_is_no_backup(folder, drwatch, receivers, backup, dumps):
    """The default pattern: its logs, a note and a script are newer than the last dump."""
    write(backup / "shop-1.dump", begun(dumps["custom"], 54 * HOUR), 54 * HOUR)
    write(backup / "shop-2.dump", begun(dumps["custom"], 30 * HOUR), 30 * HOUR)
    for number in range(12):  # more than are read to see what they are
        write(backup / f"backup-{number}.log", b"pg_dump: error: connection to server at \"db1\" failed: Connection refused\n" * 50, HOUR)
    write(backup / "README", b"restore with pg_restore -d shop\n", HOUR)
    write(backup / "nightly.sh", b"#!/bin/sh\npg_dump -Fc shop > shop-$(date +%j).dump\n", HOUR)
    write(backup / "notes", random.Random(2).randbytes(3000), HOUR)
    start(folder, drwatch, receivers, [probe(backup)], "BackupFailed")
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: fails_for(drwatch, "stale"), what="the dump is stale")
    assert drwatch.value("backup_age_seconds") == pytest.approx(30 * HOUR, abs=120)
    assert drwatch.value("backup_stored_backups") == 2
    write(backup / "shop-3.dump", begun(dumps["custom"], 60), 60)
    expect_resolve(receivers, page, wait_until)
    is_good(drwatch)


def add_recovery_files(dump):
    """What `par2 create` and a signer leave beside a dump: newer than it, and of no format that says what they are."""
    if shutil.which("par2"):
        subprocess.run(["par2", "create", "-q", "-q", "-b20", "-r20", dump.name], cwd=dump.parent, check=True, capture_output=True)
    else:
        for ending in ("par2", "vol00+1.par2", "vol01+2.par2"):
            (dump.parent / f"{dump.name}.{ending}").write_bytes(b"PAR2\0PKT" + random.Random(ending).randbytes(3000))
    for ending in ("sig", "minisig"):
        (dump.parent / f"{dump.name}.{ending}").write_bytes(random.Random(ending).randbytes(500))


def test_recovery_volumes_and_signatures_are_no_backups(folder, drwatch, receivers, backup, dumps):
    for number, age in ((1, 20 * HOUR), (2, 10 * HOUR)):
        write(backup / f"shop-{number}.dump", begun(dumps["custom"], age), age)
        add_recovery_files(backup / f"shop-{number}.dump")
    assert len(list(backup.glob("*.par2"))) >= 6
    start(folder, drwatch, receivers, [probe(backup)], "BackupCorrupt")
    is_good(drwatch)
    assert drwatch.value("backup_stored_backups") == 2
    assert drwatch.value("backup_age_seconds") == pytest.approx(10 * HOUR, abs=120), "that of the dump"
    assert not receivers.pages()
    whole = begun(dumps["custom"], 5 * HOUR)
    write(backup / "shop-3.dump", whole[:len(whole) // 2], 5 * HOUR)
    add_recovery_files(backup / "shop-3.dump")
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    wait_until(lambda: fails_for(drwatch, "incomplete"), what="the reason")
    assert drwatch.value("backup_stored_backups") == 3
    write(backup / "shop-3.dump", whole, 5 * HOUR)
    expect_resolve(receivers, page, wait_until)
    is_good(drwatch)
    assert drwatch.value("backup_age_seconds") == pytest.approx(5 * HOUR, abs=120)


def test_noise_under_the_name_of_the_next_dump(folder, drwatch, receivers, backup, dumps):
    write(backup / "shop-1.dump", begun(dumps["custom"], 20 * HOUR), 20 * HOUR)
    start(folder, drwatch, receivers, [probe(backup)], "BackupFailed")
    is_good(drwatch)
    assert not receivers.pages()
    write(backup / "shop-2.dump", random.Random(1).randbytes(len(dumps["custom"])), HOUR)
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: fails_for(drwatch, "wrong_format"), what="it is no dump")
    assert drwatch.value('backup_check_success{check="format"}') == 0
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="the one before it is still a way back")
    write(backup / "shop-2.dump", begun(dumps["custom"], HOUR), HOUR)
    expect_resolve(receivers, page, wait_until)
    is_good(drwatch)


def test_the_same_old_dump_stored_anew(folder, drwatch, receivers, backup, dumps):
    """A job that ships what another one made last week: its header says so."""
    write(backup / "latest.dump", begun(dumps["custom"], 6 * DAY), 60)
    start(folder, drwatch, receivers, [probe(backup, pattern="*.dump")], "BackupFailed")
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: fails_for(drwatch, "stale"), what="it is as old as it says")
    assert drwatch.value("backup_age_seconds") > 5 * DAY
    write(backup / "latest.dump", begun(dumps["custom"], 30), 30)
    expect_resolve(receivers, page, wait_until)
    is_good(drwatch)


def test_an_old_copy_off_site_with_a_new_date(folder, drwatch, receivers, backup, dumps):
    """Nothing in a plain dump says when it was made, but its copy at the site does: without that it would be a minute old."""
    there = folder / "there"
    there.mkdir()
    old, new = dumps["plain"], dumps["newer plain"]
    write(backup / "shop-1.sql", old, 20 * HOUR)
    probes = [probe(backup, pattern="*.sql"),
              probe(there, name="there", backup="nightly", pattern="*.sql", location="dr", offsite=True)]
    # The other scenarios have fired before the second dump comes.
    only = [("dr_rpo_achieved_seconds >", 'dr_rpo_achieved_seconds{scenario="site_lost"} >')]
    start(folder, drwatch, receivers, probes, "RPOExceeded", shorter=only, rpo="1h")
    is_good(drwatch)
    write(backup / "shop-2.sql", new, 120)
    write(there / "shop-1.sql", old, 60)
    page = expect_page(receivers, "RPOExceeded", wait_until)
    achieved = 'dr_rpo_achieved_seconds{scenario="%s"}'
    wait_until(lambda: (drwatch.value(achieved % "site_lost") or 0) > 19 * HOUR, what="the age of what it is a copy of")
    wait_until(lambda: 0 < (drwatch.value(achieved % "server_lost") or 0) < HOUR, what="the new one at the site")
    write(there / "shop-2.sql", new, 60)
    expect_resolve(receivers, page, wait_until)
    assert drwatch.value(achieved % "site_lost") < HOUR


def test_dated_in_the_future(folder, drwatch, receivers, backup, dumps):
    write(backup / "shop-1.dump", begun(dumps["custom"], 60), -300 * DAY)
    start(folder, drwatch, receivers, [probe(backup)], "BackupDatedInFuture", "BackupFailed")
    page = expect_page(receivers, "BackupDatedInFuture", wait_until)
    assert page.body["payload"]["severity"] == "warning"
    assert drwatch.value('backup_check_success{check="time"}') == 0
    is_good(drwatch)
    assert drwatch.value("backup_age_seconds") < DAY, "by when the file system noted its last change"
    then = time.time() - 60
    os.utime(backup / "shop-1.dump", (then, then))
    expect_resolve(receivers, page, wait_until)
    assert not receivers.pages("trigger", "BackupFailed")


@pytest.mark.parametrize("option", ["-Fc", "-Ft", "-Fp", "-Fd"])
def test_a_dump_without_rows_says_so(folder, primary, option):
    """Intact as far as it goes: whoever wanted the rows sees that they are not there."""
    primary.sql("INSERT INTO t VALUES ('x')")
    for name, more in [("all", []), ("schema", ["--schema-only"])]:
        command = [f"{PG_BIN}/pg_dump", "-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", option, *more, "-f", folder / name]
        subprocess.run([*command, "postgres"], check=True, cwd=folder)
    said = {}
    for name in ("all", "schema"):
        run = subprocess.run([PROGRAM, "verify", "--format=json", folder / name], check=False, capture_output=True, text=True)
        verdict = json.loads(run.stdout)[0]
        said[name] = (run.returncode, verdict["level"], "holds no rows of any table" in verdict["details"])
    level = said["all"][1]
    assert said == {"all": (0, level, False), "schema": (0, level, True)}
    assert level >= 3


def test_old_dumps_copied_without_their_times_are_not_fresh_for_an_only_run(folder, receivers, backup, dumps):
    """Each one that is read shows the next one as the newest; --once has no other look."""
    for number, days in enumerate((3, 4, 5)):
        write(backup / f"shop.dump.{number}", begun(dumps["custom"], days * DAY), 60)
    path = folder / "once.yml"
    path.write_text(config(folder, receivers, [probe(backup)], timeout="10s", interval="10s"), encoding="utf-8")
    answer = subprocess.run([PROGRAM, f"--config.file={path}", "--once", "--format=json", "nightly"], check=False, capture_output=True,
                            text=True, timeout=60)
    assert answer.returncode == 2, answer.stdout
    [fresh] = [check for check in json.loads(answer.stdout)["results"][0]["checks"] if check["name"] == "fresh"]
    # A header names no zone: half a day may be that.
    assert fresh["reason"] == "stale" and fresh["message"].startswith("age 60h") and "by content" in fresh["message"]
