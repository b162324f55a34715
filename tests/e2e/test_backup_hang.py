"""A place that does not answer, as NFS without its server: a look at it does not return. And one file that cannot be read."""

import json
import os
import shutil
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


def as_nobody(drwatch, folder):
    """From its next start on, drwatch runs as a user whom rights hold back."""
    if os.geteuid() != 0:
        return
    folder.chmod(0o777)
    shutil.copy(drwatch.program, folder / "program")
    wrapper = folder / "as-nobody"
    wrapper.write_text(f"#!/bin/sh\nexec setpriv --reuid=nobody --regid=nogroup --clear-groups '{folder}/program' \"$@\"\n", encoding="utf-8")
    wrapper.chmod(0o755)
    drwatch.program = str(wrapper)


def test_a_file_that_may_not_be_read(folder, drwatch, receivers):
    """What was there before stays the way back; that nobody can read the new one is told, and is no failure of the backup."""
    backup = folder / "backup"
    backup.mkdir()
    write(backup / "shop-1.dump", 2 * HOUR)
    as_nobody(drwatch, folder)
    probes = [{"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "max_age": "26h", "quiet_time": "200ms",
               "verify": {"every": "1s", "timeout": "2s"}}]
    false = ("BackupFailed", "BackupCorrupt", "NoRecoveryPoint", "BackupPlaceUnreachable")
    text = config(folder, receivers, probes, rules=built_in("BackupUnreadable", "BackupVerificationStale", *false), extra="builtin_rules: false")
    drwatch.start(text.replace("rpo: 1h", "rpo: 26h"))
    wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="verified")
    write(folder / "shop-2.dump", HOUR)
    (folder / "shop-2.dump").chmod(0)
    (folder / "shop-2.dump").rename(backup / "shop-2.dump")
    wait_until(lambda: drwatch.value('probe_failure_info{reason="permission"}') == 1, what="told why")
    page = expect_page(receivers, "BackupUnreadable", wait_until)
    assert drwatch.value("backup_success") == 1 and drwatch.value("backup_verification_success") is None, "nobody knows"
    wait_until(lambda: "could not be verified: " in drwatch.get("/")[1], what="where the alert sends whoever is told")
    wait_until(lambda: 2 * HOUR <= (drwatch.value('dr_rpo_achieved_seconds{scenario="server_lost"}') or 0) < 2 * HOUR + 120,
               what="the state of the one before it is the recovery point")
    (backup / "shop-2.dump").chmod(0o644)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: drwatch.value("backup_verification_success") == 1, what="the new one verified")
    wait_until(lambda: (drwatch.value('dr_rpo_achieved_seconds{scenario="server_lost"}') or 2 * HOUR) < 2 * HOUR, what="its state counts")
    for name in false:
        assert not receivers.pages(alertname=name), name
