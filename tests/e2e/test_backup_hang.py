"""A place that does not answer, as NFS without its server: a look at it does not return."""

import json
import os
import time

from configs import built_in, config, expect_page, expect_resolve
from faults import Clock, HangingFolder, both
from servers import ROOT, made_at, wait_until

DUMP = (ROOT / "tests/testdata/verify/custom.dump").read_bytes()
HOUR = 3600


def write(path, age, ahead=0):
    """`age` seconds old for a program whose clock is `ahead`."""
    then = time.time() + ahead - age
    part = path.with_suffix(".part")
    part.write_bytes(made_at(DUMP, then))
    os.utime(part, (then, then))
    part.rename(path)


def test_a_place_that_hangs(folder, drwatch, receivers):
    """On-call is told at once that nobody can look; what was seen last counts until it is too old, and then that is told, too."""
    backup = folder / "backup"
    backup.mkdir()
    write(backup / "shop-1.dump", HOUR)
    clock, place = Clock(folder), HangingFolder(folder, backup)
    probes = [{"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "max_age": "26h", "quiet_time": "200ms"}]
    # A group an alert: each has a life of its own.
    text = config(folder, receivers, probes, timeout="300ms", rules=built_in("BackupPlaceUnreachable", "BackupFailed"),
                  extra="builtin_rules: false").replace("route: {", "route: {group_by: [alertname], ")
    drwatch.start(text.replace("rpo: 1h", "rpo: 26h"), env=both(clock.environment, place.environment))
    wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="verified")

    place.hang()
    unreachable = expect_page(receivers, "BackupPlaceUnreachable", wait_until)
    assert drwatch.value("backup_success") == 1, "nothing speaks against what was seen last"
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="it is a way back")
    known = json.loads(drwatch.get("/api/dr/backups")[1])["data"]["backups"][0]
    assert known["latest_good"]["name"] == "shop-1.dump"
    assert not receivers.pages("trigger", "BackupFailed")
    assert drwatch.get("/")[0] == 200 and drwatch.get("/metrics")[0] == 200, "nobody waits for it"

    clock.set(30 * HOUR)
    failed = expect_page(receivers, "BackupFailed", wait_until)
    assert drwatch.value("backup_age_seconds") > 30 * HOUR
    assert not receivers.pages("resolve"), "it hangs still"

    place.answer()
    expect_resolve(receivers, unreachable, wait_until)
    assert drwatch.value("backup_success") == 0, "stale, whoever looks"
    write(backup / "shop-2.dump", 60, ahead=30 * HOUR)
    expect_resolve(receivers, failed, wait_until)
    wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="the new one verified")
