"""`--once` on the worst day: what it says of a WAL archive when its server is dead, and of one that is selected alone."""

import datetime
import json
import os
import signal
import subprocess
import time

import pytest
from configs import config
from servers import wait_until
from wal_history import archive, base_backup

PROGRAM = os.environ["DRWATCH_PROGRAM"]
SEGMENTS = 8  # of 16 MiB: more than a run reads of an archive besides its end


def probes(server, wal=None, base=None):
    return [{"name": "pg", "type": "postgres", "service": "shop", "dsn": server.url("drwatch")},
            {"name": "base", "type": "backup", "service": "shop", "path": str(server.folder / "bases"), "kind": "full",
             "quiet_time": "200ms", **(base or {})},
            {"name": "wal", "type": "wal_archive", "service": "shop", "path": str(server.archive), "primary": "pg", **(wal or {})}]


def once(folder, receivers, probes, *selectors):
    """The exit code, and by probe what was said."""
    path = folder / "once.yml"
    path.write_text(config(folder, receivers, probes, timeout="10s", interval="10s"), encoding="utf-8")
    answer = subprocess.run([PROGRAM, f"--config.file={path}", "--once", "--format=json", *selectors], check=False,
                            capture_output=True, text=True, timeout=60)
    report = json.loads(answer.stdout)
    return answer.returncode, {result["probe"]: result for result in report["results"]}


def check(result, name):
    return next(check for check in result["checks"] if check["name"] == name)


def window(result):
    """Its two ends, and what is said of it."""
    said = check(result, "window")
    words = said["message"].replace(";", " ").replace(": ", " ").split()
    times = [datetime.datetime.fromisoformat(word.replace("Z", "+00:00")).timestamp() for word in words if word[:2] == "20" and "T" in word]
    return times[0], times[1], said


@pytest.mark.parametrize("selectors", [(), ("wal",), ("wal", "base")])
def test_the_end_of_the_wal_of_a_dead_server_is_known(folder, receivers, primary, selectors):
    archive(primary)
    base_backup(primary, "base-1")
    finished = time.time()
    time.sleep(2)
    archive(primary, SEGMENTS)
    committed = time.time()
    primary.send_all(signal.SIGKILL)
    wait_until(lambda: not primary.ready(), what="the server dead")
    _, results = once(folder, receivers, probes(primary, {"window": "1h"}), *selectors)
    assert set(results) == (set(selectors) or {"pg", "base", "wal"})
    begin, end, said = window(results["wal"])
    assert begin < finished + 1
    assert committed - 2 < end < committed + 1, said
    assert "at least" not in said["message"]
    assert said["status"] == "warning" and "< window 1h" in said["message"], "and it is too short"
    assert results["wal"]["measurements"]["pitr_window_seconds"] > 1


def test_what_was_not_archived_before_the_first_look_is_lost(folder, receivers, primary):
    """The archiver failed before drwatch saw the server: how old what is missing is nobody saw."""
    archive(primary)
    base_backup(primary, "base-1")
    archive(primary)
    archived = time.time()
    primary.archive.chmod(0o555)
    for _ in range(2):
        primary.sql("INSERT INTO t VALUES ('lost')")
        primary.sql("SELECT pg_switch_wal()")
    time.sleep(3)
    _, results = once(folder, receivers, probes(primary, {"max_lag": "1s"}), "wal")
    _, end, said = window(results["wal"])
    assert end < archived + 1, said
    lag = check(results["wal"], "archived")
    assert lag["status"] == "critical" and "for at least" in lag["message"], lag
    assert results["wal"]["measurements"]["wal_archive_lag_seconds"] > 2


def test_what_the_time_is_too_short_for_is_said(folder, receivers, primary):
    archive(primary)
    base_backup(primary, "base-1")
    archive(primary, SEGMENTS)
    primary.send_all(signal.SIGKILL)
    wait_until(lambda: not primary.ready(), what="the server dead")
    # A segment would take 16 seconds.
    code, results = once(folder, receivers, probes(primary, {"window": "1h", "read_rate": "1MiB/s"}), "wal")
    begin, end, said = window(results["wal"])
    assert end == begin
    assert said["status"] == "unknown" and "to at least" in said["message"], said
    unread = len([path for path in primary.archive.iterdir() if len(path.name) == 24])
    assert "segments behind that" in said["message"]
    assert 0 < int(said["message"].split("not read yet: ")[1].split()[0]) <= unread
    assert "pitr_window_seconds" not in results["wal"]["measurements"]
    assert code == 3


def test_a_selected_archive_is_judged_with_its_primary_and_base_backups(folder, receivers, primary):
    archive(primary, 2)
    old = base_backup(primary, "base-1")
    archive(primary, 4)
    names = sorted(path for path in primary.archive.iterdir() if len(path.name) == 24)
    names[-2].unlink()
    base_backup(primary, "base-2")
    archive(primary)
    # Of the first one only the archive's note is left: nothing needs the segment that is gone.
    primary.run("rm", "-rf", old)
    assert len(list(primary.archive.glob("*.backup"))) == 2
    # Its own verdict stays out of it: it is far too small.
    setting = probes(primary, base={"min_size": "1TiB"})
    code, results = once(folder, receivers, setting, "wal")
    assert list(results) == ["wal"]
    assert check(results["wal"], "segments")["status"] == "ok", results["wal"]
    assert "behind" in check(results["wal"], "archived")["message"]
    assert check(results["wal"], "archived")["status"] == "ok"
    assert (code, results["wal"]["status"]) == (0, "ok")
    everything, all_results = once(folder, receivers, setting)
    assert everything == 2 and all_results["base"]["status"] == "critical"
    assert check(all_results["wal"], "segments") == check(results["wal"], "segments")


def test_a_selected_base_backup_is_judged_with_the_archive_that_has_its_wal(folder, receivers, primary):
    archive(primary)
    base_backup(primary, "base-1", wal="none")
    archive(primary)
    code, results = once(folder, receivers, probes(primary, base={"verify": {"read_rate": "unlimited"}}), "base")
    assert list(results) == ["base"]
    assert check(results["base"], "restorable")["status"] == "ok", results["base"]
    assert code == 0, results["base"]
