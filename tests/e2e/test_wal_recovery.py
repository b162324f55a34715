"""WAL of servers that crash, go back in time, prune and are made anew: what drwatch promises is what a real restore brings back."""

import datetime
import random
import shutil
import signal
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from servers import PG_BIN, Postgres, wait_until
from test_recovery_wal import paths, probes
from test_wal import LAG_RULE, segments, until_of, value, verify_wal
from wal_history import archive, base_backup, copy_of, prepare_recovery, recover

POINT = 'dr_recovery_point_timestamp_seconds{scenario="server_lost"}'
LOSS = 'dr_rpo_achieved_seconds{scenario="server_lost"}'


def words_in(server):
    """Of the table t, without what archive() wrote."""
    return server.sql("SELECT v FROM t WHERE v NOT LIKE 'xxx%' ORDER BY 1").splitlines()


def latest(base, wal, folder, what=words_in):
    """What a recovery to the latest point brings back."""
    server = recover(copy_of(base, folder), wal)
    try:
        return what(server)
    finally:
        server.stop(signal.SIGQUIT)


def assert_of_another_cluster(base, wal, folder):
    """PostgreSQL does not go along this WAL."""
    server = copy_of(base, folder)
    prepare_recovery(server, wal)
    server.spawn(server.as_postgres([f"{PG_BIN}/postgres", "-D", server.data]))
    try:
        assert server.process.wait(30) != 0
    finally:
        server.stop(signal.SIGQUIT)
    assert "WAL file is from different database system" in server.log_text()


def last_commit(server):
    """Its time, on a server that tracks that."""
    return float(server.sql("SELECT extract(epoch FROM timestamp) FROM pg_last_committed_xact()"))


def words_and_last_commit(server):
    return words_in(server), last_commit(server)


def looked(drwatch, probe, times=2):
    """Waits until a look has begun after now, and has ended."""
    metric = f'drwatch_probe_runs_total{{probe="{probe}"}}'
    runs = drwatch.value(metric) or 0
    wait_until(lambda: (drwatch.value(metric) or 0) >= runs + times, what=f"another look of {probe}")


def kill(server):
    """The whole server at once, as a power cut or the kernel does."""
    server.send_all(signal.SIGKILL)
    server.process.wait()
    server.process = None


def test_a_crash_loses_sight_of_no_commit_in_the_open_segment(folder, drwatch, receivers, primary):
    """Behind a crash archive_timeout ships nothing, as PostgreSQL takes the end of its log for a switch of segments."""
    primary.append_settings(["wal_level = replica", "autovacuum = off", "archive_timeout = 300s"])
    primary.stop()
    primary.run(f"{PG_BIN}/pg_checksums", "--disable", "--no-sync", "-D", primary.data)  # else hint bits are written, too
    primary.start()
    archive(primary)
    base = base_backup(primary, "base-1")
    drwatch.start(config(folder, receivers, probes(primary, wal={"max_lag": "5s"}), rules=LAG_RULE, extra="builtin_rules: false"))
    archive(primary, 2)  # from here on archive_timeout counts
    looked(drwatch, "pg")  # what ends together with the step into a segment may have ended before it
    looked(drwatch, "wal")
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") == 0 and drwatch.value(LOSS) is not None, what="nothing is lost")
    before = time.time()
    primary.sql("INSERT INTO t VALUES ('precious')")
    committed = time.time()
    open_segment = primary.archive / primary.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
    seen = []

    def lag():
        seen.append(value(drwatch, "wal_archive_lag_seconds"))
        return seen[-1]
    wait_until(lambda: lag() > 3, what="the commit seen for a while")
    kill(primary)
    wait_until(lambda: drwatch.value('postgres_up{probe="pg"}') == 0, what="the server dead")
    page = expect_page(receivers, "TestArchiveLag", wait_until)
    wait_until(lambda: lag() > time.time() - committed - 2, what="a loss that goes on growing")
    assert drwatch.value(LOSS) > 4
    assert value(drwatch, "pitr_window_end_timestamp_seconds") < committed + 2
    assert drwatch.value(POINT) < committed + 2
    assert latest(base, primary.archive, folder / "dead") == []

    primary.append_settings(["archive_timeout = 1s"])
    primary.start()
    restarted = lag()
    wait_until(lambda: drwatch.value('postgres_up{probe="pg"}') == 1, what="the server back")
    wait_until(lambda: lag() > restarted + 5, what="archive_timeout over several times")
    assert not open_segment.exists(), "the server shipped it"
    wait_until(lambda: lag() > time.time() - committed - 2, what="a loss since the commit")
    assert seen[-1] < time.time() - before + 2
    assert seen == sorted(seen), "it never shrank"
    assert value(drwatch, "pitr_window_end_timestamp_seconds") < committed + 2
    assert drwatch.value(POINT) < committed + 2
    assert not receivers.pages("resolve")

    primary.sql("SELECT pg_switch_wal()")
    expect_resolve(receivers, page, wait_until)
    wait_until(open_segment.exists, what="archived")
    wait_until(lambda: (drwatch.value(POINT) or 0) > committed, what="a point behind the commit")
    wait_until(lambda: value(drwatch, "wal_archive_lag_seconds") == 0, what="nothing is lost any more")
    assert latest(base, primary.archive, folder / "latest") == ["precious"]


def test_a_server_that_went_back_is_covered_when_its_new_timeline_is(folder, drwatch, receivers, primary):
    """The archive holds what it undid, and of the new timeline at first nothing but its history file."""
    primary.append_settings(["autovacuum = off", "track_commit_timestamp = on"])
    primary.stop()
    primary.start()
    archive(primary)
    base = base_backup(primary, "base-1")
    finished = time.time()
    archive(primary)
    surely = last_commit(primary)
    drwatch.start(config(folder, receivers, probes(primary, wal={"max_lag": "3s"}), rules=LAG_RULE, extra="builtin_rules: false"))
    primary.sql("INSERT INTO t VALUES ('kept')")
    target = primary.sql("SELECT clock_timestamp()")
    primary.sql("INSERT INTO t VALUES ('undone')")
    undone = time.time()
    archive(primary, 3)
    wait_until(lambda: (drwatch.value(POINT) or 0) > undone, what="all is covered")

    primary.stop()
    shutil.rmtree(primary.data)
    primary.run("cp", "-a", base, primary.data)
    recover(primary, primary.archive, [f"recovery_target_time = '{target}'", "recovery_target_action = promote"])
    assert words_in(primary) == ["kept"]
    wait_until((primary.archive / "00000002.history").exists, what="its history archived")
    wait_until(lambda: drwatch.value('postgres_up{probe="pg"}') == 1 and (drwatch.value(POINT) or undone) < undone, what="nothing promised beyond")
    wait_until(lambda: "goes on with timeline 1" in drwatch.get("/")[1], what="said to lead back to what was undone")
    wait_until(receivers.open_incidents, what="page")
    assert value(drwatch, "wal_archive_timeline") == 2
    assert value(drwatch, "wal_archive_missing_segments") == 0
    assert abs(value(drwatch, "wal_archive_last_commit_timestamp_seconds") - surely) < 0.002, "before the segment of the switch"
    assert value(drwatch, "pitr_window_end_timestamp_seconds") == drwatch.value(POINT) < undone
    assert latest(base, primary.archive, folder / "back") == ["kept", "undone"]
    assert verify_wal(primary.archive)[0] == 2

    primary.sql("INSERT INTO t VALUES ('anew')")
    anew = time.time()
    archive(primary, 2)
    committed = last_commit(primary)
    wait_until(lambda: not receivers.open_incidents(), what="resolve")
    wait_until(lambda: (drwatch.value(POINT) or 0) > anew, what="all is covered again")
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    words, restored = latest(base, primary.archive, folder / "latest", words_and_last_commit)
    assert (words, restored) == (["anew", "kept"], committed)
    wait_until(lambda: abs(value(drwatch, "wal_archive_last_commit_timestamp_seconds") - restored) < 0.002, what="the last commit that came back")
    until = datetime.datetime.fromisoformat(until_of(primary.archive).replace("Z", "+00:00")).timestamp()
    assert abs(until - restored) < 1
    assert value(drwatch, "pitr_window_start_timestamp_seconds") < finished
    assert value(drwatch, "pitr_window_end_timestamp_seconds") > restored
    for metric in ["missing_segments", "foreign_timelines", "corrupt_segments", "lag_seconds"]:
        assert value(drwatch, f"wal_archive_{metric}") == 0, metric
    assert verify_wal(primary.archive)[0] == 0


def server_with(folder, **options):
    """One as the fixture `primary` has it, made in another way."""
    server = Postgres(folder).create(**options).start()
    server.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch; CREATE TABLE t (v text)")
    return server


@pytest.mark.parametrize("watched", [True, False], ids=["base backups are watched", "the archive tells of them"])
def test_pruning_that_is_seen_half_way_loses_nothing(folder, drwatch, receivers, keep, watched):
    """pg_archivecleanup deletes in the order in which the folder lists its files, that is in none."""
    primary = keep(server_with(folder / "primary", initdb=["--wal-segsize=1"]))
    archive(primary)
    base_backup(primary, "base-1")
    archive(primary, 12)
    begun_again = time.time()
    base = base_backup(primary, "base-2")
    finished_again = time.time()
    primary.sql("INSERT INTO t VALUES ('last')")
    archive(primary, 6)
    pg, bases, wal = probes(primary)
    drwatch.start(config(folder, receivers, [pg, bases, wal] if watched else [pg, wal], rules=built_in("WalGap"), extra="builtin_rules: false"))
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    window_start = wait_until(lambda: value(drwatch, "pitr_window_start_timestamp_seconds"), what="a window")
    assert window_start < begun_again, "from the first base backup on"

    first_needed = sorted(primary.archive.glob("*.backup"))[-1].name
    old = [path for path in segments(primary) if path.name < first_needed[:24]]
    assert len(old) > 10
    random.Random(7).shuffle(old)
    for path in old[:-4]:
        path.unlink()
        looked(drwatch, "wal")
        assert value(drwatch, "wal_archive_missing_segments") == 0, path.name
        assert value(drwatch, "pitr_window_seconds") > 0
    left = [int(path.name[8:], 16) for path in old[-4:]]
    assert max(left) - min(left) > 3, "there are holes"
    primary.run(f"{PG_BIN}/pg_archivecleanup", primary.archive, first_needed)
    assert segments(primary)[0].name == first_needed[:24]
    looked(drwatch, "wal")
    assert value(drwatch, "wal_archive_segments") == len(segments(primary))
    assert value(drwatch, "wal_archive_missing_segments") == 0
    moved_to = value(drwatch, "pitr_window_start_timestamp_seconds")
    assert moved_to > window_start and begun_again - 1 < moved_to < finished_again + 1  # some are told in whole seconds
    assert not receivers.pages()
    assert latest(base, primary.archive, folder / "latest") == ["last"]

    lost = segments(primary)[-4]
    shutil.move(lost, folder / "lost")
    page = expect_page(receivers, "WalGap", wait_until)
    shutil.move(folder / "lost", lost)
    expect_resolve(receivers, page, wait_until)


def test_a_base_backup_of_another_cluster_is_no_way_back(folder, drwatch, receivers, keep):
    """Of the server before it was dumped and loaded into a new one: its positions look like those of the new one."""
    former = keep(server_with(folder / "former"))
    archive(former, 2)
    stranger = base_backup(former, "base-1")
    former.stop()
    primary = keep(server_with(folder / "primary"))
    (primary.folder / "bases").mkdir()
    primary.hand_over(primary.folder / "bases")
    shutil.copytree(stranger, primary.folder / "bases/base-1")
    primary.sql("INSERT INTO t VALUES ('first')")
    archive(primary, 6)
    drwatch.start(config(folder, receivers, probes(primary, wal={"window": "1s"}), rules=built_in("PitrWindowShort"), extra="builtin_rules: false"))
    page = expect_page(receivers, "PitrWindowShort", wait_until)
    wait_until(lambda: value(drwatch, "wal_archive_unverified_segments") == 0, what="all segments read")
    wait_until(lambda: drwatch.value('backup_verification_success{probe="base"}') == 1, what="the base backup read")
    for probe in ["base", "wal"]:
        looked(drwatch, probe)
    assert value(drwatch, "pitr_window_seconds") == 0 and value(drwatch, "pitr_window_start_timestamp_seconds") is None
    assert "wal_archive" not in paths(drwatch, "server_lost")
    assert value(drwatch, "wal_archive_missing_segments") == 0
    assert_of_another_cluster(stranger, primary.archive, folder / "refused")

    base = base_backup(primary, "base-2")
    primary.sql("INSERT INTO t VALUES ('second')")
    archive(primary)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: paths(drwatch, "server_lost").get("wal_archive", {}).get("artefact") == "base-2", what="a way back by WAL")
    assert latest(base, primary.archive, folder / "latest") == ["first", "second"]
