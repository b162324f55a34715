"""WAL of servers that drwatch sees badly: another clock, no login, packings that only the name tells. Real servers, to a page and back."""

import os
import shutil
import signal
import subprocess
import time

from configs import built_in, config, expect_page, expect_resolve
from faults import Clock
from servers import PG_BIN, Postgres, wait_until
from test_wal import archive, base_backup, flipped, primary_probe, rewrite, segments, value, wal_probe

LOSS = 'dr_rpo_achieved_seconds{service="shop",scenario="server_lost"}'


def test_a_loss_is_counted_although_the_servers_clock_is_ahead(folder, drwatch, receivers, primary):
    """Ten minutes: all that it commits is dated in drwatch's future."""
    archive(primary)
    base_backup(primary)
    archive(primary, 2)
    clock = Clock(folder)
    clock.set(-600)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, max_lag="3s")], extra="builtin_rules: false",
                         rules=built_in("WalArchiveStalled", "BackupDatedInFuture")), env=clock.environment)
    dated = expect_page(receivers, "BackupDatedInFuture", wait_until)
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") == 0 and drwatch.value(LOSS) is not None, what="nothing is lost")
    primary.append_settings(["archive_command = 'false'"])
    primary.sql("SELECT pg_reload_conf()")
    primary.sql("INSERT INTO t VALUES ('x')")
    primary.sql("SELECT pg_switch_wal()")
    page = expect_page(receivers, "WalArchiveStalled", wait_until, timeout=30)
    wait_until(lambda: (drwatch.value(LOSS) or 0) > 3, what="the loss is as long as the lag")
    primary.append_settings([f"archive_command = 'cp %p {primary.archive}/%f'"])
    primary.sql("SELECT pg_reload_conf()")
    clock.set(0)
    expect_resolve(receivers, page, wait_until, timeout=90)
    expect_resolve(receivers, dated, wait_until)


def test_a_damaged_segment_of_tomorrow_pages(folder, drwatch, receivers, primary):
    archive(primary)
    base_backup(primary)
    archive(primary, 4)
    damaged = segments(primary)[-2]
    whole = damaged.read_bytes()
    rewrite(damaged, flipped(damaged, 100))
    tomorrow = time.time() + 86400
    os.utime(damaged, (tomorrow, tomorrow))
    clock = Clock(folder)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary)], rules=built_in("BackupCorrupt"),
                         extra="builtin_rules: false"), env=clock.environment)
    # It might be being written by a machine with another clock.
    page = expect_page(receivers, "BackupCorrupt", wait_until, timeout=60)
    rewrite(damaged, whole)
    expect_resolve(receivers, page, wait_until)


def test_a_lost_login_is_no_stalled_archive(folder, drwatch, receivers, primary):
    """What comes to the archive shows that the server goes on archiving; when nothing comes any more, nobody knows."""
    archive(primary, 2)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, max_lag="8s")], rules=built_in("WalArchiveStalled"),
                         extra="builtin_rules: false"))
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") is not None, what="lag known")
    primary.sql("ALTER ROLE drwatch NOLOGIN")
    lost = time.monotonic()
    wait_until(lambda: drwatch.value('postgres_up{probe="pg-primary"}') == 0, what="out of sight")
    while time.monotonic() < lost + 12:
        archive(primary)
        time.sleep(0.5)
    assert not receivers.pages("trigger")
    page = expect_page(receivers, "WalArchiveStalled", wait_until, timeout=30)
    primary.sql("ALTER ROLE drwatch LOGIN")
    archive(primary)
    expect_resolve(receivers, page, wait_until)


def test_an_archive_in_brotli(folder, drwatch, receivers, primary):
    """Nothing in such a file shows how it is packed. Its .backup file is read, too: no base backup is found but by it.

    Unpacking two segments takes longer than a run has."""
    primary.append_settings([f"archive_command = 'brotli -1 -c %p > {primary.archive}/%f.br'"])
    primary.sql("SELECT pg_reload_conf()")
    archive(primary)
    base_backup(primary)
    archive(primary, 6)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, timeout="250ms")],
                         rules=built_in("WalGap", "BackupCorrupt"),
                         extra="builtin_rules: false"))
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read", timeout=60)
    wait_until(lambda: (value(drwatch, "pitr_window_seconds") or 0) > 0, what="window")
    assert value(drwatch, "wal_archive_segment_size_bytes") == 16 << 20
    assert value(drwatch, "wal_archive_corrupt_segments") == 0
    wait_until(lambda: drwatch.value('probe_success{probe="wal"}') == 1, what="nothing is wrong with it")
    names = sorted(path for path in primary.archive.iterdir() if len(path.name) == 27)
    shutil.move(names[-4], folder / "lost")
    page = expect_page(receivers, "WalGap", wait_until)
    shutil.move(folder / "lost", names[-4])
    expect_resolve(receivers, page, wait_until)


def test_a_large_segment_counts_as_far_as_it_was_received(folder, drwatch, receivers, keep):
    """pg_receivewal makes its file as long as the segment at once: only what is new of it is read."""
    server = keep(Postgres(folder / "large").create(settings=["archive_mode = off"], initdb=["--wal-segsize=128"]).start())
    server.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch; CREATE TABLE t (v text)")
    received = folder / "received"
    received.mkdir()
    receiver = subprocess.Popen([f"{PG_BIN}/pg_receivewal", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres",
                                 "-D", str(received), "--synchronous"])
    try:
        wait_until(lambda: list(received.glob("*.partial")), what="a segment begun")
        server.sql("INSERT INTO t VALUES ('x')")
        server.sql("SELECT pg_switch_wal()")
        server.sql("INSERT INTO t VALUES ('y')")
        wait_until(lambda: len(list(received.iterdir())) == 2 and list(received.glob("*.partial")), what="one whole, one begun")
        wait_until(lambda: next(received.glob("*.partial")).stat().st_size == 128 << 20, what="its zeros")
        drwatch.start(config(folder, receivers, [primary_probe(server), wal_probe(server, path=str(received))]))

        def behind():
            return value(drwatch, "wal_archive_lag_bytes")
        for rows in (10, 20000, 10):
            wait_until(lambda: behind() == 0 and value(drwatch, "wal_archive_lag_seconds") == 0, what="all is received")
            server.sql(f"INSERT INTO t SELECT repeat('x', 500) FROM generate_series(1, {rows})")
        wait_until(lambda: behind() == 0, what="all is received")
        receiver.send_signal(signal.SIGSTOP)
        server.sql("INSERT INTO t VALUES ('z')")
        wait_until(lambda: behind() > 0 and value(drwatch, "wal_archive_lag_seconds") > 1, what="the receiver is stuck")
        receiver.send_signal(signal.SIGCONT)
        wait_until(lambda: behind() == 0, what="all is received again")
    finally:
        receiver.kill()
        receiver.wait(10)


def test_a_server_whose_clock_is_behind_loses_nothing(folder, drwatch, receivers, primary):
    """A copy of its archive that is brought up to date now and then: the server says when it archived by its own clock."""
    archive(primary, 3)
    copy = folder / "copy"
    shutil.copytree(primary.archive, copy)
    archive(primary)
    clock = Clock(folder)
    clock.set(1200)
    drwatch.start(config(folder, receivers, [primary_probe(primary), wal_probe(primary, path=str(copy))]), env=clock.environment)
    wait_until(lambda: value(drwatch, "wal_archive_pending_segments") == 1, what="it is on its way")
    assert value(drwatch, "wal_archive_missing_segments") == 0


def test_a_lag_is_remembered_although_the_clock_was_ahead(folder, drwatch, receivers, primary):
    archive(primary, 2)
    clock = Clock(folder)
    clock.set(86400)
    probes = [primary_probe(primary), wal_probe(primary)]
    drwatch.start(config(folder, receivers, probes), env=clock.environment)
    archive(primary)
    wait_until(lambda: value(drwatch, "wal_archive_segments") == 3 and value(drwatch, "wal_archive_lag_seconds") == 0, what="archived")
    clock.set(0)
    primary.append_settings(["archive_command = 'false'"])
    primary.sql("SELECT pg_reload_conf()")
    primary.sql("INSERT INTO t VALUES ('x')")
    primary.sql("SELECT pg_switch_wal()")
    wait_until(lambda: (value(drwatch, "wal_archive_lag_seconds") or 0) > 7, what="it lags, and that is stored")
    drwatch.stop()
    drwatch.start(env=clock.environment)
    seen = []
    wait_until(lambda: seen.append(value(drwatch, "wal_archive_lag_seconds")) or seen[-1] is not None, what="looked at")
    assert seen[-1] > 7
