"""WAL archives of real servers: gaps, damages, promotions, a failing and a lying archiver; each to a page and back."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from faults import reload
from servers import PG_BIN, Postgres, wait_until

PROGRAM = os.environ["DRWATCH_PROGRAM"]
LAG_RULE = """
groups:
- name: test
  rules:
  - alert: TestArchiveLag
    expr: wal_archive_lag_seconds{probe="wal"} > wal_archive_max_lag_seconds
    labels: {severity: critical}
    annotations: {summary: "{{ $labels.probe }} lags", runbook_url: "https://example.com/lag", action: "look"}
"""


def primary_probe(server, name="pg-primary"):
    return {"name": name, "type": "postgres", "service": "shop", "dsn": server.url("drwatch")}


def wal_probe(server, **more):
    return {"name": "wal", "type": "wal_archive", "service": "shop", "path": str(server.archive),
            "primary": "pg-primary", "read_rate": "unlimited", **more}


def archive(server, count=1):
    """Fills `count` segments and waits until they are archived."""
    for _ in range(count):
        server.sql("INSERT INTO t SELECT repeat('x', 100) FROM generate_series(1, 100)")
        name = server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)")
    wait_until(lambda: server.sql(f"SELECT last_archived_wal >= '{name}' FROM pg_stat_archiver") == "t",
               what=f"{name} archived")
    return name


def base_backup(server):
    server.run(f"{PG_BIN}/pg_basebackup", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-X", "none",
               "--checkpoint=fast", "--no-sync", "-D", server.folder / "base")


def segments(server):
    return sorted(path for path in server.archive.iterdir() if len(path.name) == 24)


def rewrite(path, content):
    """Replaces a file's content and keeps its times, as a bad disk does."""
    info = path.stat()
    path.write_bytes(content)
    os.utime(path, (info.st_atime - 60, info.st_mtime - 60))


def flipped(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    return bytes(content)


def value(drwatch, metric):
    return drwatch.value(f'{metric}{{probe="wal"}}')


def verify_wal(folder, *options):
    result = subprocess.run([PROGRAM, "verify", "--wal", str(folder), *options], check=False, capture_output=True,
                            text=True, timeout=60)
    return result.returncode, result.stdout


def test_a_whole_archive_pages_nobody(folder, drwatch, receivers, primary):
    archive(primary)
    base_backup(primary)
    before = time.time()
    archive(primary, 3)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, window="1s")]))
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") is not None, what="lag known")
    assert value(drwatch, "wal_archive_lag_seconds") < 60
    assert value(drwatch, "wal_archive_lag_bytes") < 16 << 20
    for metric in ["missing_segments", "gaps", "corrupt_segments", "acknowledged_gaps", "foreign_timelines"]:
        assert value(drwatch, f"wal_archive_{metric}") == 0, metric
    assert value(drwatch, "wal_archive_segments") == len(segments(primary))
    assert value(drwatch, "wal_archive_bytes") == sum(path.stat().st_size for path in primary.archive.iterdir())
    assert value(drwatch, "wal_archive_segment_size_bytes") == 16 << 20
    assert value(drwatch, "wal_archive_timeline") == 1
    assert value(drwatch, "wal_archive_system_identifier_match") == 1
    assert before - 1 < value(drwatch, "wal_archive_last_commit_timestamp_seconds") < time.time() + 1
    wait_until(lambda: (value(drwatch, "pitr_window_seconds") or 0) > 1, what="window")
    assert value(drwatch, "pitr_window_start_timestamp_seconds") < before + 1
    time.sleep(1.5)
    assert not receivers.pages("trigger")


def test_a_lost_segment_pages_until_it_is_back(folder, drwatch, receivers, primary):
    archive(primary)
    base_backup(primary)
    archive(primary, 7)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, window="1s")]))
    wait_until(lambda: value(drwatch, "wal_archive_missing_segments") == 0, what="whole")
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    end = wait_until(lambda: value(drwatch, "wal_archive_last_commit_timestamp_seconds"), what="last commit")
    lost = segments(primary)[-4]
    shutil.move(lost, folder / "lost")
    page = expect_page(receivers, "WalGap", wait_until)
    assert value(drwatch, "wal_archive_missing_segments") == 1
    assert value(drwatch, "wal_archive_gaps") == 1
    wait_until(lambda: (value(drwatch, "wal_archive_last_commit_timestamp_seconds") or end) < end,
               what="recoverable point is earlier")
    shutil.move(folder / "lost", lost)
    expect_resolve(receivers, page, wait_until)


def test_an_encrypted_archive_is_judged_by_its_names(folder, drwatch, receivers, primary):
    seal = f"openssl enc -aes-256-cbc -pbkdf2 -pass pass:secret -in %p -out {primary.archive}/%f.enc"
    primary.append_settings([f"archive_command = '{seal}'"])
    primary.sql("SELECT pg_reload_conf()")
    archive(primary)
    base_backup(primary)
    archive(primary, 6)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, window="1s")]))
    wait_until(lambda: value(drwatch, "wal_archive_segments"), what="segments")
    wait_until(lambda: (value(drwatch, "pitr_window_seconds") or 0) > 1, what="window")
    for metric in ["missing_segments", "corrupt_segments", "foreign_timelines"]:
        assert value(drwatch, f"wal_archive_{metric}") == 0, metric
    assert value(drwatch, "backup_verification_success") is None
    assert not receivers.pages("trigger")
    names = sorted(path for path in primary.archive.iterdir() if len(path.name) == 28)
    assert value(drwatch, "wal_archive_segments") == len(names)
    shutil.move(names[-4], folder / "lost")
    page = expect_page(receivers, "WalGap", wait_until)
    shutil.move(folder / "lost", names[-4])
    expect_resolve(receivers, page, wait_until)
    assert verify_wal(primary.archive)[0] == 3


def test_an_acknowledged_gap_pages_nobody(folder, drwatch, receivers, primary):
    archive(primary, 6)
    lost = segments(primary)[2]
    lost.unlink()
    known = {"first": lost.name, "until": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86400))}
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, acknowledged_gaps=[known])]))
    wait_until(lambda: value(drwatch, "wal_archive_acknowledged_gaps") == 1, what="acknowledged gap")
    assert value(drwatch, "wal_archive_missing_segments") == 0
    time.sleep(1.5)
    assert not receivers.pages("trigger", "WalGap")


def test_damaged_segments_page_until_they_are_repaired(folder, drwatch, receivers, primary):
    archive(primary, 6)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary)]))
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    victim, other = segments(primary)[2:4]
    whole = victim.read_bytes()
    rewrite(victim, flipped(victim, 8192 + 100))
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    assert value(drwatch, "wal_archive_corrupt_segments") == 1
    assert value(drwatch, "wal_archive_missing_segments") == 0
    rewrite(victim, whole)
    expect_resolve(receivers, page, wait_until)
    for content in [whole[:5_000_000], b"", other.read_bytes()]:  # cut, emptied, another segment under its name
        rewrite(victim, content)
        wait_until(lambda: value(drwatch, "wal_archive_corrupt_segments") == 1, what="damage seen")
        rewrite(victim, whole)
        wait_until(lambda: value(drwatch, "wal_archive_corrupt_segments") == 0, what="repair seen")


def test_verdicts_survive_a_restart(folder, drwatch, receivers, primary):
    archive(primary, 4)
    text = config(folder, receivers, [primary_probe(primary), wal_probe(primary)])
    drwatch.start(text)
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    assert value(drwatch, "backup_verified_bytes_total") > 16 << 20
    drwatch.stop()
    drwatch.start(text)
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="verdicts known")
    assert value(drwatch, "backup_verified_bytes_total") == 0


def test_a_failing_archiver_lags_until_it_works(folder, drwatch, receivers, primary):
    archive(primary, 2)
    probe = wal_probe(primary, max_lag="2s")
    drwatch.start(config(folder, receivers, [primary_probe(primary), probe], rules=LAG_RULE))
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") is not None, what="lag known")
    primary.sql("ALTER SYSTEM SET archive_command = 'false'")
    primary.sql("SELECT pg_reload_conf()")
    primary.sql("INSERT INTO t VALUES ('x')")
    primary.sql("SELECT pg_switch_wal()")
    page = expect_page(receivers, "TestArchiveLag", wait_until)
    assert value(drwatch, "wal_archive_missing_segments") == 0, "what was never archived is not lost"
    primary.sql("ALTER SYSTEM RESET archive_command")
    with open(primary.data / "postgresql.auto.conf", "a", encoding="ascii") as file:
        file.write(f"archive_command = 'cp %p {primary.archive}/%f'\n")
    primary.sql("SELECT pg_reload_conf()")
    primary.sql("SELECT pg_switch_wal()")
    expect_resolve(receivers, page, wait_until, timeout=90)


def test_a_commit_in_the_open_segment_lags_and_a_checkpoint_does_not(folder, drwatch, receivers, primary):
    primary.append_settings(["autovacuum = off"])
    primary.sql("SELECT pg_reload_conf()")
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, max_lag="2s")], rules=LAG_RULE))

    def looked():
        runs = drwatch.value('drwatch_probe_runs_total{probe="pg-primary"}')
        wait_until(lambda: drwatch.value('drwatch_probe_runs_total{probe="pg-primary"}') >= runs + 2, what="another look")
    primary.sql("INSERT INTO t VALUES ('x')")
    wait_until(lambda: drwatch.value('drwatch_probe_runs_total{probe="pg-primary"}') is not None, what="a look")
    looked()
    archive(primary)
    primary.sql("CHECKPOINT")
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") == 0, what="nothing is lost")
    for _ in range(3):
        primary.sql("CHECKPOINT")
        looked()
    assert value(drwatch, "wal_archive_lag_bytes") > 0
    assert value(drwatch, "wal_archive_lag_seconds") == 0
    primary.sql("INSERT INTO t VALUES ('x')")
    page = expect_page(receivers, "TestArchiveLag", wait_until)
    primary.sql("SELECT pg_switch_wal()")
    expect_resolve(receivers, page, wait_until)


@pytest.mark.parametrize("command", ["false", "sleep 600"], ids=["fails", "hangs"])
def test_an_archiver_that_stands_still_pages_until_it_works(folder, drwatch, receivers, primary, command):
    archive(primary, 2)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, max_lag="5s")],
                         rules=built_in("WalArchiveStalled"), extra="builtin_rules: false"))
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") is not None, what="lag known")

    def archive_by(command):
        primary.append_settings([f"archive_command = '{command}'"])
        primary.sql("SELECT pg_reload_conf()")
    archive_by(command)
    primary.sql("INSERT INTO t VALUES ('x')")
    primary.sql("SELECT pg_switch_wal()")
    page = expect_page(receivers, "WalArchiveStalled", wait_until, timeout=30)
    failing = 1 if command == "false" else 0
    wait_until(lambda: drwatch.value('postgres_archiver_failing{probe="pg-primary"}') == failing, what="what its primary says of it")
    archive_by(f"cp %p {primary.archive}/%f")
    end_children(archiver_of(primary))
    expect_resolve(receivers, page, wait_until, timeout=90)


def archiver_of(server):
    return server.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'")


def end_children(pid):
    children = subprocess.run(["pgrep", "-P", pid], check=False, capture_output=True, text=True)
    for child in children.stdout.split():
        os.kill(int(child), signal.SIGTERM)


def test_an_archiver_that_lies_is_caught(folder, drwatch, receivers, primary):
    archive(primary, 3)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, max_lag="2s")]))
    wait_until(lambda: value(drwatch, "wal_archive_missing_segments") == 0, what="whole")
    primary.sql("ALTER SYSTEM SET archive_command = '/bin/true'")
    primary.sql("SELECT pg_reload_conf()")
    archive(primary, 2)
    expect_page(receivers, "WalGap", wait_until)
    assert drwatch.value("postgres_archiver_failing") == 0


def test_a_promotion_is_followed(folder, drwatch, receivers, primary, keep):
    archive(primary, 3)
    command = f"test ! -f {primary.archive}/%f && cp %p {primary.archive}/%f"
    standby = keep(Postgres(folder / "standby").make_standby_of(primary, [
        "archive_mode = on", f"archive_command = '{command}'"]).start())
    archive(primary, 1)
    standby_probe = primary_probe(standby, "pg-standby")
    drwatch.start(config(folder, receivers, [standby_probe, wal_probe(primary, primary="pg-standby")]))
    wait_until(lambda: value(drwatch, "wal_archive_timeline") == 1, what="timeline 1")
    primary.stop()
    standby.sql("SELECT pg_promote()")
    archive(standby, 2)
    wait_until(lambda: value(drwatch, "wal_archive_timeline") == 2, what="timeline 2")
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    assert value(drwatch, "wal_archive_missing_segments") == 0
    assert value(drwatch, "wal_archive_corrupt_segments") == 0
    assert value(drwatch, "wal_archive_foreign_timelines") == 0
    assert not receivers.pages("trigger", "WalGap")
    code, text = verify_wal(primary.archive)
    assert code == 0, text
    assert "timeline 1 -> 2" in text


def test_a_promoted_server_that_archives_nothing_pages(folder, drwatch, receivers, primary, keep):
    """It had not received all that is archived: by positions alone it is not behind the archive for hours."""
    archive(primary, 2)
    standby = keep(Postgres(folder / "standby").make_standby_of(primary).start())
    standby.stop()
    archive(primary, 3)
    primary.stop(signal.SIGQUIT)
    standby.start()
    standby.sql("SELECT pg_promote()")
    standby.sql("CHECKPOINT")  # from now on it says its timeline
    standby.sql("INSERT INTO t VALUES ('lost')")
    drwatch.start(config(folder, receivers, [primary_probe(standby, "pg-standby"), wal_probe(primary, primary="pg-standby", max_lag="2s")],
                         rules=LAG_RULE))
    expect_page(receivers, "TestArchiveLag", wait_until)
    wait_until(lambda: value(drwatch, "wal_archive_timeline") == 1, what="of its timeline nothing is there")
    assert value(drwatch, "wal_archive_lag_bytes") == 0


def twin_of(server, folder):
    """A restored copy that goes on from where `server` stands, on the same timeline, and archives into the same archive."""
    server.stop()
    twin = Postgres(folder)
    shutil.copytree(server.data, twin.data)
    for path in [twin.data, *twin.data.rglob("*")]:
        twin.hand_over(path)
    server.start()
    twin.append_settings([f"port = {twin.port}", f"unix_socket_directories = '{twin.folder}'",
                          f"archive_command = 'cp %p {server.archive}/%f'"])
    return twin


@pytest.mark.parametrize("seen_before", [True, False], ids=["after it was read", "before"])
def test_a_segment_that_a_twin_wrote_over(folder, drwatch, receivers, primary, keep, seen_before):
    """Each segment is intact by itself and belongs to the cluster; only the records behind it name others before them."""
    archive(primary, 2)
    twin = twin_of(primary, folder / "twin")
    archive(primary, 4)
    text = config(folder, receivers, [primary_probe(primary), wal_probe(primary)])
    if seen_before:
        drwatch.start(text)
        wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
        assert value(drwatch, "wal_archive_corrupt_segments") == 0
    own = {path.name: path.read_bytes() for path in segments(primary)}
    keep(twin.start())
    twin.sql("INSERT INTO t SELECT repeat('y', 100) FROM generate_series(1, 153)")
    twin.sql("SELECT pg_switch_wal()")

    def differs():
        return [path for path in segments(primary) if path.read_bytes() != own.get(path.name)]
    wait_until(differs, what="written over")
    twin.stop()  # and archives what it has begun
    written_over = differs()
    if not seen_before:
        drwatch.start(text)
    page = expect_page(receivers, "BackupCorrupt", wait_until, timeout=60)
    assert value(drwatch, "wal_archive_corrupt_segments") == 1
    for path in written_over:
        if path.name in own:
            path.write_bytes(own[path.name])
        else:
            path.unlink()
    expect_resolve(receivers, page, wait_until, timeout=60)


def test_wal_of_another_cluster_pages(folder, drwatch, receivers, primary, keep):
    """Somebody pointed archive_command of another server at this archive, and this server's at nothing."""
    archive(primary, 3)
    stranger = keep(Postgres(folder / "stranger").create().start())
    stranger.sql("CREATE TABLE t (v text)")
    archive(stranger, 4)
    own = folder / "own"
    shutil.copytree(primary.archive, own)
    exchange(primary.archive, stranger.archive)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary)],
                         rules=built_in("ArchiveOfAnotherCluster"), extra="builtin_rules: false"))
    page = expect_page(receivers, "ArchiveOfAnotherCluster", wait_until)
    assert value(drwatch, "wal_archive_lag_seconds") is None
    exchange(primary.archive, own)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") is not None, what="lag known")


def test_a_restored_copy_that_archives_into_its_origins_archive_pages(folder, drwatch, receivers, primary, keep):
    """Whoever recovers to the latest timeline ends up with the copy's data."""
    archive(primary, 2)
    copy = twin_of(primary, folder / "copy")
    archive(primary, 2)
    (copy.data / "recovery.signal").touch()
    copy.hand_over(copy.data / "recovery.signal")
    copy.append_settings([f"restore_command = 'cp {primary.archive}/%f %p'"])
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary)],
                         rules=built_in("ForeignTimelines"), extra="builtin_rules: false"))
    wait_until(lambda: value(drwatch, "wal_archive_foreign_timelines") == 0, what="its own WAL only")
    keep(copy.start())
    wait_until(lambda: copy.sql("SELECT pg_is_in_recovery()") == "f", what="the copy goes on alone")
    page = expect_page(receivers, "ForeignTimelines", wait_until)
    assert value(drwatch, "wal_archive_timeline") == 1
    assert value(drwatch, "wal_archive_missing_segments") == 0
    copy.stop()

    def acknowledge(days):
        until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400))
        known = wal_probe(primary, acknowledged_timelines=[{"timeline": 2, "until": until}])
        reload(drwatch, config(folder, receivers, [primary_probe(primary), known], rules=built_in("ForeignTimelines"),
                               extra="builtin_rules: false"))
    acknowledge(days=5)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: value(drwatch, "wal_archive_acknowledged_timelines") == 1, what="acknowledged")
    assert value(drwatch, "wal_archive_foreign_timelines") == 0
    paged = len(receivers.pages("trigger", "ForeignTimelines"))
    resolved = len(receivers.pages("resolve"))
    acknowledge(days=0)
    wait_until(lambda: len(receivers.pages("trigger", "ForeignTimelines")) > paged, what="it counts again")
    for path in primary.archive.glob("00000002*"):
        path.unlink()
    wait_until(lambda: len(receivers.pages("resolve")) > resolved, what="second resolve")


def exchange(folder, other):
    """Leaves in `folder` what lies in `other`."""
    for path in folder.iterdir():
        path.unlink()
    for path in other.iterdir():
        shutil.copy2(path, folder)


def test_a_short_window_pages(folder, drwatch, receivers, primary):
    name = archive(primary)
    base_backup(primary)
    archive(primary)
    text = config(folder, receivers, [primary_probe(primary), wal_probe(primary, window="1h")])
    drwatch.start(text)
    # It is as long as it can be.
    wait_until(lambda: value(drwatch, "pitr_window_growing") == 1, what="a young archive")
    # An archive that is older than what it promises.
    day_ago = time.time() - 86400
    os.utime(primary.archive / name, (day_ago, day_ago))
    page = expect_page(receivers, "PitrWindowShort", wait_until)
    assert value(drwatch, "pitr_window_growing") is None
    # Any point of the time since the base backup, although nothing is written.
    before = value(drwatch, "pitr_window_seconds")
    wait_until(lambda: value(drwatch, "pitr_window_seconds") > before + 1, what="a window that grows")
    reload(drwatch, text.replace('"1h"', '"1s"'))
    expect_resolve(receivers, page, wait_until)
    assert value(drwatch, "pitr_window_target_seconds") == 1


def test_base_backups_of_another_probe_count(folder, drwatch, receivers, primary):
    archive(primary)
    base_backup(primary)
    archive(primary, 2)
    for mark in primary.archive.glob("*.backup"):
        mark.unlink()
    base = {"name": "base", "type": "backup", "path": str(primary.folder / "base"), "max_age": "1d",
            "quiet_time": "200ms"}
    drwatch.start(config(folder, receivers, [
        primary_probe(primary), base, wal_probe(primary, base_backups=["base"], window="1s")]))
    wait_until(lambda: (value(drwatch, "pitr_window_seconds") or 0) > 0, what="window")
    assert value(drwatch, "pitr_window_start_timestamp_seconds") <= time.time()


def until_of(archive, only=None):
    """Up to when its WAL can be replayed, or that of some of its segments."""
    if only is not None:
        part = archive.parent / f"first-{len(only)}"
        part.mkdir()
        for path in archive.iterdir():
            if path.name[:24] in only or len(path.name) < 24:
                shutil.copy(path, part / path.name)
        archive = part
    return json.loads(verify_wal(archive, "--format=json")[1])[0]["recoverable_until"]


def test_verify_tells_what_is_wrong(folder, primary):
    archive(primary)
    base_backup(primary)
    archive(primary, 5)
    code, text = verify_wal(primary.archive)
    assert code == 0, text
    assert "intact" in text and "last commit" in text and "any point can be reached from" in text
    code, text = verify_wal(primary.archive, "--format=json")
    report = json.loads(text)[0]
    assert report["outcome"] == "intact" and report["records"] > 100 and not report["gaps"]
    names = [path.name for path in segments(primary)]
    copy = shutil.copytree(primary.archive, folder / "copy")
    (copy / names[2]).unlink()
    code, text = verify_wal(copy)
    assert code == 2 and f"missing {names[2]}" in text
    assert until_of(copy) == until_of(primary.archive, names[:2]), "nothing behind the gap"
    (copy / names[2]).write_bytes((primary.archive / names[2]).read_bytes())
    (copy / names[3]).write_bytes(flipped(primary.archive / names[3], 8300))
    code, text = verify_wal(copy)
    assert code == 2 and f"broken {names[3]}: byte" in text
    assert until_of(copy) == until_of(primary.archive, names[:3]), "nothing behind the damage"
    assert ", where WAL breaks off, with the base backup of" in text
    subprocess.run(["gzip", "-f", copy / names[1]], check=True)
    (copy / names[3]).write_bytes((primary.archive / names[3]).read_bytes())
    code, text = verify_wal(copy)
    assert code == 0, text
    empty = folder / "empty"
    empty.mkdir()
    assert verify_wal(empty)[0] == 3


@pytest.mark.parametrize("packing", ["none", "gzip", "lz4"])
def test_what_is_being_received_is_no_damage(folder, primary, packing):
    received = folder / "received"
    received.mkdir()
    packed = [] if packing == "none" else [f"--compress={packing}"]
    receiver = subprocess.Popen([f"{PG_BIN}/pg_receivewal", "-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres",
                                 "-D", str(received), "--synchronous", *packed])
    try:
        # It begins with the segment that is open when it connects, once something is in that.
        primary.sql("INSERT INTO t VALUES ('is received')")
        wait_until(lambda: list(received.glob("*.partial")), what="the receiver at work")
        archive(primary)
        primary.sql("INSERT INTO t VALUES ('begins a segment')")
        wait_until(lambda: len(list(received.iterdir())) == 2 and list(received.glob("*.partial")), what="two segments received")
        # Halted, it leaves whatever its compressor has written so far.
        receiver.send_signal(signal.SIGSTOP)
        for command in (["verify"], ["verify", "--wal"]):
            result = subprocess.run([PROGRAM, *command, str(received)], check=False, capture_output=True, text=True)
            assert result.returncode == 0, result.stdout
        if packing != "none":
            begun = next(received.glob("*.partial"))
            # The segment after the one that is still open: what the open one should hold is lost.
            later = begun.name[:16] + f"{int(begun.name[16:24], 16) + 1:08X}"
            archive(primary, 2)
            shutil.copy(primary.archive / later, received / later)
            for command in (["verify"], ["verify", "--wal"]):
                result = subprocess.run([PROGRAM, *command, str(received)], check=False, capture_output=True, text=True)
                assert result.returncode == 2, result.stdout
                assert begun.name in result.stdout
    finally:
        receiver.kill()
        receiver.wait(10)
