"""WAL of servers that crash: what drwatch promises is what a real restore brings back."""

import signal
import time

from configs import config, expect_page, expect_resolve
from servers import PG_BIN, wait_until
from test_recovery_wal import probes
from test_wal import LAG_RULE, value
from wal_history import archive, base_backup, copy_of, recover

POINT = 'dr_recovery_point_timestamp_seconds{scenario="server_lost"}'
LOSS = 'dr_rpo_achieved_seconds{scenario="server_lost"}'


def words_in(server):
    """Of the table t, without what archive() wrote."""
    return server.sql("SELECT v FROM t WHERE v NOT LIKE 'xxx%' ORDER BY 1").splitlines()


def latest(base, wal, folder):
    """What a recovery to the latest point brings back."""
    server = recover(copy_of(base, folder), wal)
    try:
        return words_in(server)
    finally:
        server.stop(signal.SIGQUIT)


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
