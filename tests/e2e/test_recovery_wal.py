"""What WAL is worth in a disaster: only as far as it leads on from a base backup that is good and survives, too."""

import json
import os
import shutil
import subprocess
import time

from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from servers import PG_BIN, wait_until
from wal_history import archive, base_backup

RULE = """
groups:
- name: test
  rules:
  - alert: TestNoWayBack
    expr: dr_recovery_paths{scenario="site_lost"} == 0 unless dr_rpo_achieved_seconds
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.service }} is lost", runbook_url: "https://example.com", action: "look"}
"""


def probes(server, *more, wal=None):
    return [{"name": "pg", "type": "postgres", "service": "shop", "dsn": server.url("drwatch")},
            {"name": "base", "type": "backup", "service": "shop", "path": str(server.folder / "bases"), "kind": "full", "max_age": "1d",
             "quiet_time": "200ms", "verify": {"read_rate": "unlimited", "every": "2s"}},
            {"name": "wal", "type": "wal_archive", "service": "shop", "path": str(server.archive), "primary": "pg",
             "read_rate": "unlimited", **(wal or {})}, *more]


def paths(drwatch, scenario):
    """kind: path, of the service's ways back."""
    services = json.loads(drwatch.get("/api/dr/recovery")[1])["data"]["services"]
    found = [entry for service in services for entry in service["scenarios"] if entry["scenario"] == scenario]
    return {path["kind"]: path for entry in found for path in entry["paths"]}


def begins_with(drwatch):
    """The base backup upon which WAL is to be replayed."""
    return paths(drwatch, "server_lost").get("wal_archive", {}).get("artefact")


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(bytes(content))


def test_a_damaged_base_backup_takes_its_wal_along(folder, drwatch, receivers, primary):
    archive(primary)
    base = base_backup(primary, "base-1")
    archive(primary, 2)
    drwatch.start(config(folder, receivers, probes(primary)))
    wait_until(lambda: begins_with(drwatch) == "base-1", what="a way back by WAL")
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="one way: the WAL is replayed on that base backup")
    victim = max((path for path in (base / "base").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    flip(victim, 5000)
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    wait_until(lambda: not paths(drwatch, "database_corrupted"), what="no way back")
    # The archive's own note of that base backup does not bring it back.
    assert list(primary.archive.glob("*.backup"))
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 0, what="said as a number, too")
    assert drwatch.value("wal_archive_missing_segments") == 0
    flip(victim, 5000)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: begins_with(drwatch) == "base-1", what="the way back again")


def test_wal_behind_a_damaged_segment_is_no_recovery_point(folder, drwatch, receivers, primary):
    """The server idles and nothing is missing: the archive's lag is 0, and what was written since the damage is lost all the same."""
    archive(primary)
    base_backup(primary, "base-1")
    archive(primary, 2)
    time.sleep(2)
    broken_from = time.time()
    archive(primary, 4)
    victim = sorted(path for path in primary.archive.iterdir() if len(path.name) == 24)[-4]
    flip(victim, 8300)
    os.utime(victim, (time.time() - 60, time.time() - 60))  # nobody writes to it any more, so it is read at once
    drwatch.start(config(folder, receivers, probes(primary)))
    expect_page(receivers, "BackupCorrupt", wait_until)
    wait_until(lambda: drwatch.value("wal_archive_unverified_segments") == 0, what="all segments read")
    point = 'dr_recovery_point_timestamp_seconds{scenario="server_lost"}'
    wait_until(lambda: (drwatch.value(point) or broken_from) < broken_from, what="the point before the damage")
    assert drwatch.value("wal_archive_missing_segments") == 0
    base_backup(primary, "base-2")
    archive(primary)
    wait_until(lambda: begins_with(drwatch) == "base-2", what="a new base backup behind the damage")
    wait_until(lambda: (drwatch.value(point) or 0) > broken_from, what="a point behind the damage, as a number, too")


def test_wal_off_site_needs_a_base_backup_there(folder, drwatch, receivers, primary):
    archive(primary)
    base = base_backup(primary, "base-1")
    archive(primary, 2)
    there = folder / "there"
    there.mkdir()
    copy = {"name": "base-dr", "type": "backup", "backup": "base", "service": "shop", "path": str(there), "kind": "full",
            "max_age": "1d", "location": "dr", "offsite": True, "quiet_time": "200ms"}
    drwatch.start(config(folder, receivers, probes(primary, copy, wal={"offsite": True}), rules=RULE))
    page = expect_page(receivers, "TestNoWayBack", wait_until)
    wait_until(lambda: "wal_archive" in paths(drwatch, "server_lost"), what="enough for the loss of the server")
    assert not paths(drwatch, "site_lost")
    shutil.copytree(base, there / "base-1")
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: {"backup", "wal_archive"} <= paths(drwatch, "site_lost").keys(), what="both ways back")


def test_the_oldest_of_several_data_decides(folder, drwatch, receivers, primary):
    archive(primary)
    base_backup(primary, "base-1")
    archive(primary)
    uploads = folder / "uploads"
    uploads.mkdir()

    def pack(stamp):
        subprocess.run(["tar", "-cf", uploads / f"files-{stamp}.tar", "-C", folder / "primary", "archive"], check=True)
    pack("20200101T000000Z")
    files = {"name": "uploads", "type": "backup", "service": "shop", "path": str(uploads), "kind": "files", "max_age": "20y",
             "quiet_time": "200ms", "verify": {"read_rate": "unlimited"}}
    drwatch.start(config(folder, receivers, probes(primary, files)))
    achieved = 'dr_rpo_achieved_seconds{scenario="server_lost"}'
    wait_until(lambda: (drwatch.value(achieved) or 0) > 86400, what="uploads of years ago")
    entry = json.loads(drwatch.get("/api/dr/recovery")[1])["data"]["services"][0]["scenarios"][0]
    assert {path["data"] for path in entry["paths"]} == {"database", "files"}
    pack(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    wait_until(lambda: drwatch.value(achieved) < 3600, what="fresh uploads")


def verify(*arguments):
    result = subprocess.run([PROGRAM, "verify", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout


def first_segment(base):
    """The first one that a base backup needs, by its manifest."""
    wanted = json.loads((base / "backup_manifest").read_text(encoding="ascii"))["WAL-Ranges"][0]
    return f"{wanted['Timeline']:08X}00000000{int(wanted['Start-LSN'].split('/')[1], 16) >> 24:08X}"


def test_a_base_backup_without_wal_is_worth_what_its_archive_is(folder, drwatch, receivers, primary):
    archive(primary)
    base = base_backup(primary, "base-1", wal="none")
    archive(primary, 2)
    assert subprocess.run([f"{PG_BIN}/pg_verifybackup", "-q", base], check=False, capture_output=True).returncode == 1
    assert subprocess.run([f"{PG_BIN}/pg_verifybackup", "-q", "--no-parse-wal", base], check=False).returncode == 0
    status, text = verify(base)
    assert status == 2 and "its files are intact, but it carries no WAL" in text and "of timeline 1 from an archive" in text
    status, text = verify("--wal", primary.archive, base)
    assert status == 0 and "carries no WAL: WAL 0/" in text, text
    first = first_segment(base)
    victim = primary.archive / first
    assert victim.exists()

    good = 'backup_success{probe="base"}'
    drwatch.start(config(folder, receivers, probes(primary)))
    wait_until(lambda: drwatch.value(good) == 1, what="a backup that is good with its archive")
    wait_until(lambda: begins_with(drwatch) == "base-1", what="a way back by WAL")
    assert drwatch.value('backup_verification_level{probe="base"}') == 4
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="one way, as it has its archive")
    shutil.move(victim, folder / "kept")
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 0, what="no way back")
    assert drwatch.value('backup_check_success{probe="base",check="restorable"}') == 0
    assert drwatch.value('backup_verification_success{probe="base"}') == 1, "its files are intact"
    assert not receivers.pages("trigger", "BackupCorrupt")
    status, text = verify("--wal", primary.archive, base)
    assert status == 2 and f"{first} is not there" in text
    shutil.move(folder / "kept", victim)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: begins_with(drwatch) == "base-1", what="the way back again")


def backup_by_hand(server, name):
    """As the manual has it: between pg_backup_start() and pg_backup_stop(), without pg_wal; nothing writes a manifest."""
    folder = server.folder / "bases" / name
    folder.parent.mkdir(exist_ok=True)
    script = f"""SELECT pg_backup_start('by hand', true);
\\! cp -r {server.data} {folder} && rm -rf {folder}/pg_wal/* {folder}/postmaster.*
\\o {folder}/backup_label
SELECT labelfile FROM pg_backup_stop();
"""
    subprocess.run([f"{PG_BIN}/psql", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1"],
                   input=script, check=True, capture_output=True, text=True, timeout=60)
    return folder


def test_a_backup_by_hand_without_wal_needs_its_archive(folder, drwatch, receivers, primary):
    archive(primary)
    base = backup_by_hand(primary, "base-1")
    archive(primary, 2)
    status, text = verify(base)
    assert status == 2 and "pg_wal: it carries no WAL: to be restored it needs that of timeline 1" in text, text
    status, text = verify("--wal", primary.archive, base)
    assert status == 3 and "carries no WAL: WAL 0/" in text and "nothing to check its files against" in text, text
    first = (base / "backup_label").read_text(encoding="ascii").split("(file ")[1].split(")")[0]

    good = 'backup_success{probe="base"}'
    drwatch.start(config(folder, receivers, probes(primary)))
    wait_until(lambda: drwatch.value(good) == 1, what="a backup that is good with its archive")
    wait_until(lambda: list(paths(drwatch, "server_lost")) == ["wal_archive"], what="a way back by WAL, and none without it")
    assert drwatch.value('backup_verification_level{probe="base"}') == 1
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="one way, as it has its archive")
    shutil.move(primary.archive / first, folder / "kept")
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 0, what="no way back")
    assert not receivers.pages("trigger", "BackupCorrupt"), "it is not damaged"
    shutil.move(folder / "kept", primary.archive / first)
    expect_resolve(receivers, page, wait_until)


def test_an_empty_segment_is_no_way_back_although_nothing_is_read(folder, drwatch, receivers, primary):
    """What a full disk leaves of `cp`, under `verify: false`: in place of the WAL that the base backup needs."""
    archive(primary)
    base = base_backup(primary, "base-1", wal="none")
    archive(primary, 4)
    drwatch.start(config(folder, receivers, probes(primary, wal={"verify": False}), rules=built_in("BackupCorrupt", "BackupFailed"),
                         extra="builtin_rules: false"))
    wait_until(lambda: begins_with(drwatch) == "base-1", what="a way back by WAL")
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="one way, as it has its archive")
    assert drwatch.value('backup_verified_bytes_total{probe="wal"}') == 0, "nothing is read"
    assert not receivers.pages()
    victim = primary.archive / first_segment(base)
    whole = victim.read_bytes()
    empty = folder / "empty"
    empty.touch()
    os.utime(empty, (time.time() - 60, time.time() - 60))  # nobody writes to it any more
    empty.replace(victim)
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    assert drwatch.value("wal_archive_corrupt_segments") == 1
    wait_until(lambda: drwatch.value('backup_check_success{probe="base",check="restorable"}') == 0, what="not restorable")
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 0, what="no way back")
    expect_page(receivers, "BackupFailed", wait_until)
    victim.write_bytes(whole)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="database_corrupted"}') == 1, what="the way back again")


def promote(server):
    """It goes on along timeline 2."""
    server.stop()
    (server.data / "standby.signal").touch()
    server.hand_over(server.data / "standby.signal")
    server.start()
    server.sql("SELECT pg_promote()")
    server.sql("CHECKPOINT")


def as_postgresql_10(path):
    """The lines that its .backup files lack; the segments in the others tell the timeline."""
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    told = [line for line in lines if not line.startswith(("START TIMELINE:", "STOP TIMELINE:"))]
    assert len(told) == len(lines) - 2, lines
    path.write_text("".join(told), encoding="ascii")


def test_backup_files_of_old_versions_tell_their_timeline(folder, drwatch, receivers, primary):
    """All that is known of the base backup is its `.backup` file, in an archive that is on its second timeline."""
    archive(primary)
    promote(primary)
    archive(primary)
    shutil.rmtree(base_backup(primary, "base-1"))
    time.sleep(1.2)  # the window that is promised below
    archive(primary, 2)
    (mark,) = primary.archive.glob("*.backup")
    assert mark.name.startswith("00000002")
    as_postgresql_10(mark)
    shutil.move(mark, folder / "kept")
    pg, _, wal = probes(primary, wal={"window": "1s"})
    drwatch.start(config(folder, receivers, [pg, wal], rules=built_in("PitrWindowShort", "BackupCorrupt", "WalGap"), extra="builtin_rules: false"))
    page = expect_page(receivers, "PitrWindowShort", wait_until)
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="server_lost"}') == 0, what="WAL without a base backup")
    shutil.move(folder / "kept", mark)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: (drwatch.value("pitr_window_seconds") or 0) > 1, what="a window from that base backup on")
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="server_lost"}') == 1, what="a way back by WAL")
    assert drwatch.value("wal_archive_timeline") == 2
    for name in ("BackupCorrupt", "WalGap"):
        assert not receivers.pages(alertname=name), name


def test_a_timeline_history_that_was_cut_off(folder, drwatch, receivers, primary):
    """Inside its position, which then reads as another one: nobody can follow from the base backup to the WAL of today."""
    archive(primary)
    shutil.rmtree(base_backup(primary, "base-1"))  # its `.backup` file tells of it
    archive(primary)
    promote(primary)
    time.sleep(1.2)  # the window that is promised below
    archive(primary, 2)
    (mark,) = primary.archive.glob("*.backup")
    assert mark.name.startswith("00000001")
    history = primary.archive / "00000002.history"
    whole = history.read_bytes()
    cut = whole[:whole.index(b"/") + 3]
    assert cut.startswith(b"1\t0/") and whole[len(cut):len(cut) + 1].isalnum(), whole
    history.write_bytes(cut)
    pg, _, wal = probes(primary, wal={"window": "1s"})
    drwatch.start(config(folder, receivers, [pg, wal], rules=built_in("PitrWindowShort", "NoRecoveryPoint", "BackupCorrupt", "WalGap"),
                         extra="builtin_rules: false"))
    short = expect_page(receivers, "PitrWindowShort", wait_until)
    lost = expect_page(receivers, "NoRecoveryPoint", wait_until)
    assert lost.body["payload"]["severity"] == "critical"
    wait_until(lambda: drwatch.value('probe_failure_info{probe="wal",reason="corrupt"}') == 1, what="said to be damaged")
    wait_until(lambda: "00000002.history" in drwatch.get("/")[1] and "line 1 is cut off" in drwatch.get("/")[1], what="named on the status page")
    wait_until(lambda: drwatch.value("wal_archive_unverified_segments") == 0, what="all segments read")
    assert drwatch.value("wal_archive_missing_segments") == 0 and drwatch.value("wal_archive_corrupt_segments") == 0
    status, text = verify("--wal", primary.archive)
    assert status == 2 and "is cut off" in text, text

    history.write_bytes(whole)
    expect_resolve(receivers, short, wait_until)
    expect_resolve(receivers, lost, wait_until)
    wait_until(lambda: (drwatch.value("pitr_window_seconds") or 0) > 1, what="a window across the promotion")
    wait_until(lambda: drwatch.value('dr_recovery_paths{scenario="server_lost"}') == 1, what="a way back by WAL")
    wait_until(lambda: drwatch.value('probe_success{probe="wal"}') == 1, what="nothing is wrong with it")
    assert verify("--wal", primary.archive)[0] == 0
    for name in ("BackupCorrupt", "WalGap"):
        assert not receivers.pages(alertname=name), name
