"""Each built-in rule about backups that nothing else pages by: from a real fault to a page, from its repair to the resolve.

The rules are the built-in ones, read from rules/; they only fire at once instead of after their `for`, and where a rule looks
back over hours or days a test says how much shorter.
"""

import gzip
import os
import pathlib
import re
import statistics
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from faults import in_own_mounts
from servers import made_at, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
DUMP = (ROOT / "tests/testdata/verify/custom.dump").read_bytes()


@pytest.fixture
def backup(folder):
    (folder / "backup").mkdir()
    return folder / "backup"


def write(path, age=0, content=DUMP):
    part = path.with_suffix(".part")
    then = time.time() - age
    part.write_bytes(made_at(content, then) if content.startswith(b"PGDMP") else content)
    os.utime(part, (then, then))
    part.rename(path)


def start(folder, drwatch, receivers, rules, service="rpo: 1h", options=(), **more):
    probe = {"name": "nightly", "type": "backup", "service": "shop", "path": str(folder / "backup"), "pattern": "shop-*.dump",
             "quiet_time": "200ms", **more}
    text = config(folder, receivers, [probe], rules=rules, extra="builtin_rules: false")
    drwatch.start(text.replace("services: [{name: shop, rpo: 1h}]", f"services: [{{name: shop, {service}}}]"), options=options)


def verified(drwatch):
    return drwatch.value("backup_verification_success") == 1


def test_overdue(folder, drwatch, receivers, backup):
    hour = int(time.time()) // 3600 * 3600
    names = [time.strftime("shop-%Y%m%dT%H%M%SZ.dump", time.gmtime(hour - hours * 3600)) for hours in (3, 0)]
    write(backup / names[0])
    start(folder, drwatch, receivers, built_in("BackupOverdue"), schedule="0 * * * *", grace="1m")
    page = expect_page(receivers, "BackupOverdue", wait_until)
    assert "overdue" in page.body["payload"]["summary"]
    assert drwatch.value("backup_overdue_seconds") > 0
    write(backup / names[1])
    expect_resolve(receivers, page, wait_until)


def test_retention_short(folder, drwatch, receivers, backup):
    write(backup / "shop-1.dump", age=20 * 86400)
    write(backup / "shop-2.dump")
    start(folder, drwatch, receivers, built_in("RetentionShort"), retention="30d")
    page = expect_page(receivers, "RetentionShort", wait_until)
    assert "reaches back only 20d" in page.body["payload"]["summary"]
    write(backup / "shop-0.dump", age=30 * 86400)
    expect_resolve(receivers, page, wait_until)


def test_too_few(folder, drwatch, receivers, backup):
    write(backup / "shop-1.dump")
    start(folder, drwatch, receivers, built_in("BackupsTooFew"), min_count=2)
    page = expect_page(receivers, "BackupsTooFew", wait_until)
    assert drwatch.value('backup_check_success{check="count"}') == 0
    write(backup / "shop-2.dump")
    expect_resolve(receivers, page, wait_until)


def test_verification_stale(folder, drwatch, receivers, backup):
    """Read again every second, until reading takes longer than it may."""
    quick, slow = ({"every": "1s", "timeout": "1s", "read_rate": rate} for rate in ("unlimited", "1KiB/s"))
    write(backup / "shop-1.dump")
    start(folder, drwatch, receivers, built_in("BackupVerificationStale"), verify=quick)
    wait_until(lambda: verified(drwatch), what="backup verified")
    assert drwatch.value("backup_verification_max_age_seconds") == 7
    drwatch.kill()
    start(folder, drwatch, receivers, built_in("BackupVerificationStale"), verify=slow)
    page = expect_page(receivers, "BackupVerificationStale", wait_until)
    drwatch.kill()
    start(folder, drwatch, receivers, built_in("BackupVerificationStale"), verify=quick)
    expect_resolve(receivers, page, wait_until)


def test_blind(folder, drwatch, receivers, backup):
    """The place is gone, as with a mount that was lost: nothing is known, and the backups are not called failed at once."""
    write(backup / "shop-1.dump")
    start(folder, drwatch, receivers, built_in("BackupProbeBlind", "BackupFailed"))
    wait_until(lambda: verified(drwatch), what="backup verified")
    backup.rename(folder / "elsewhere")
    page = expect_page(receivers, "BackupProbeBlind", wait_until)
    assert drwatch.value("backup_probe_success") == 0
    (folder / "elsewhere").rename(backup)
    expect_resolve(receivers, page, wait_until)


def test_disk_filling(folder, drwatch, receivers, backup):
    """A file system of 8 MiB that somebody fills."""
    write(folder / "shop-1.dump")
    in_own_mounts(drwatch, f"mount -t tmpfs -o size=8m tmpfs {backup} && cp {folder}/shop-1.dump {backup}/")
    start(folder, drwatch, receivers, built_in("BackupDiskFilling"))
    wait_until(lambda: verified(drwatch), what="backup verified")
    assert "BackupDiskFilling" not in drwatch.firing()
    filler = pathlib.Path(f"/proc/{drwatch.process.pid}/root{backup}/filler")
    filler.write_bytes(b"x" * (7 * 1024 * 1024 + 512 * 1024))
    page = expect_page(receivers, "BackupDiskFilling", wait_until)
    filler.unlink()
    expect_resolve(receivers, page, wait_until)


def test_rpo_exceeded(folder, drwatch, receivers, backup):
    write(backup / "shop-1.dump", age=600)
    start(folder, drwatch, receivers, built_in("RPOExceeded"), service="rpo: 5m")
    page = expect_page(receivers, "RPOExceeded", wait_until)
    assert re.search(r"shop would lose 10m \d+s of data", page.body["payload"]["summary"])
    write(backup / "shop-2.dump")
    expect_resolve(receivers, page, wait_until)


def test_rpo_budget_burning(folder, drwatch, receivers, backup):
    """Six hours are six seconds here, and half an hour is three."""
    write(backup / "shop-1.dump", age=7200)
    shorter = [("[6h]", "[6s]"), ("0.12 * 6 * 3600", "0.12 * 6"), ("[30m]", "[3s]"), ("0.12 * 1800", "0.12 * 3")]
    start(folder, drwatch, receivers, built_in("RPOBudgetBurning", shorter=shorter))
    page = expect_page(receivers, "RPOBudgetBurning", wait_until)
    assert "The RPO of shop was not kept for" in page.body["payload"]["summary"]
    kept = 'dr_rpo_violation_seconds_total{scenario="database_corrupted"}'
    write(backup / "shop-2.dump")
    expect_resolve(receivers, page, wait_until)
    before = drwatch.value(kept)
    time.sleep(1.2)
    assert drwatch.value(kept) == before, "what was broken stays counted, and no more is added"


def test_no_recovery_point(folder, drwatch, receivers, backup):
    write(backup / "shop-1.dump")
    start(folder, drwatch, receivers, built_in("NoRecoveryPoint"))
    wait_until(lambda: verified(drwatch), what="backup verified")
    time.sleep(1)
    assert not receivers.pages(), "a good backup pages nobody"
    write(backup / "shop-1.dump", content=DUMP[:-100])
    page = expect_page(receivers, "NoRecoveryPoint", wait_until)
    assert drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 0
    write(backup / "shop-1.dump")
    expect_resolve(receivers, page, wait_until)


def test_no_recovery_point_waits_for_the_first_verification(folder, drwatch, receivers, backup):
    """A large backup, read for the first time: nothing proven yet, and nobody is woken for that until it takes too long."""
    write(backup / "shop-1.dump", age=60)
    slow = {"read_rate": "1KiB/s", "timeout": "4s"}
    start(folder, drwatch, receivers, built_in("NoRecoveryPoint"), verify=slow)
    wait_until(lambda: drwatch.value("backup_first_verification_running") == 1, what="it is being read")
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 0, what="nothing proven")
    page = expect_page(receivers, "NoRecoveryPoint", wait_until)
    assert drwatch.value("backup_first_verification_running") is None, "it came when the time was over"
    drwatch.kill()
    start(folder, drwatch, receivers, built_in("NoRecoveryPoint"), verify={"read_rate": "unlimited"})
    write(backup / "shop-2.dump", age=30)
    expect_resolve(receivers, page, wait_until)


def test_what_a_probe_says_that_runs_seldom_is_not_forgotten(folder, drwatch, receivers, backup):
    """Looked at once an hour, while rules look back over 2 seconds here, and over 5 minutes else."""
    write(backup / "shop-1.dump", age=60, content=made_at(DUMP, time.time() - 60)[:-100])
    start(folder, drwatch, receivers, built_in("BackupFailed"), interval="1h", quiet_time="1s", options=["--query.lookback-delta=2s"])
    expect_page(receivers, "BackupFailed", wait_until)
    told = time.monotonic()
    wait_until(lambda: time.monotonic() > told + 6, what="three times that")
    assert drwatch.firing() == {"BackupFailed"}
    assert not receivers.pages("resolve"), "nobody has repaired it"


def test_size_unusual(folder, drwatch, receivers, backup):
    start(folder, drwatch, receivers, built_in("BackupSizeUnusual"), size_deviation_floor="1KiB")

    def newest(number, lines):
        content = gzip.compress("".join(f"{n} a row of a table\n" for n in range(lines)).encode())
        write(backup / f"shop-{number}.dump", content=content)
        wait_until(lambda: drwatch.value("backup_last_size_bytes") == len(content), what=f"dump {number} seen")
        return len(content)
    before = [newest(number, 20000 + 500 * number) for number in range(6)]
    assert drwatch.value('backup_check_success{check="size_trend"}') == 1
    small = newest(6, 4000)
    page = expect_page(receivers, "BackupSizeUnusual", wait_until)
    assert drwatch.value("backup_size_deviation_ratio") == pytest.approx(small / statistics.median(before) - 1)
    assert drwatch.value("backup_success") == 1, "whole as far as can be told"
    newest(7, 22000)
    expect_resolve(receivers, page, wait_until)
