"""While the newest backup is broken: which older one is good, by `--once`, the running service, its API and its status page."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest
import radosgw
from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from pgbackrest import PgBackRest, serve, server_with
from radosgw import ACCESS_KEY, S3, SECRET_KEY, Radosgw
from servers import PG_BIN, Postgres, made_at, wait_until

FORMATS = ["table", "json", "ndjson", "nagios", "junit"]


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    """The bytes of a real dump, made once."""
    folder = tmp_path_factory.mktemp("dump")
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    server = Postgres(folder / "postgres").create().start()
    try:
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g")
        command = [f"{PG_BIN}/pg_dump", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-Fc"]
        return subprocess.run(command, check=True, capture_output=True).stdout
    finally:
        server.stop()


def fill(folder, dump, halves, good=True):
    """shop-0.dump, whole, and after it `halves` that were cut in half, an hour between each; the newest is an hour old."""
    folder.mkdir()
    for number in range(0 if good else 1, halves + 1):
        then = time.time() - 3600 * (halves + 1 - number)
        content = made_at(dump, then)
        path = folder / f"shop-{number}.dump"
        path.write_bytes(content if number == 0 else content[:len(content) // 2])
        os.utime(path, (then, then))
    return folder


def once(*arguments, env=None):
    return subprocess.run([PROGRAM, "--once", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=120, env=env)


def once_json(*arguments, env=None):
    """(exit code, the one result)"""
    run = once("--format=json", *arguments, env=env)
    results = json.loads(run.stdout)["results"]
    assert len(results) == 1
    return run.returncode, results[0]


def check_of(result):
    return next(check for check in result["checks"] if check["name"] == "latest_good")


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_names_it(folder, dump, form):
    backup = fill(folder / "backup", dump, 5)
    run = once(f"--format={form}", backup)
    assert run.returncode == 2, run.stdout
    named = re.search(r"shop-0\.dump.{1,10} of \d{4}-\d\d-\d\dT[\d:]+Z, 6h\d*m?\d*s? old, level [34]; the 5 after it are not proven good",
                      run.stdout)
    assert named, run.stdout


def test_once_reads_until_one_is_good(folder, dump):
    backup = fill(folder / "backup", dump, 8)
    code, result = once_json(backup)
    assert code == 2 and result["reason"] == "incomplete"
    good = result["latest_good"]
    assert good["name"] == "shop-0.dump" and good["level"] >= 3 and good["size_bytes"] == len(dump)
    assert good["age_seconds"] == pytest.approx(9 * 3600, abs=60)
    assert check_of(result)["status"] == "ok"


def test_once_with_a_config(folder, receivers, dump):
    backup = fill(folder / "backup", dump, 4)
    probe = {"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "pattern": "shop-*.dump"}
    (folder / "drwatch.yml").write_text(config(folder, receivers, [probe]), encoding="utf-8")
    code, result = once_json(f"--config.file={folder}/drwatch.yml", "nightly")
    assert code == 2 and result["latest_good"]["name"] == "shop-0.dump"


def test_once_says_that_none_is_good(folder, dump):
    backup = fill(folder / "backup", dump, 4, good=False)
    code, result = once_json(backup)
    assert code == 2 and result["latest_good"] is None
    assert check_of(result) == {**check_of(result), "status": "critical", "reason": "not_found", "message": "none of 4 is good"}
    assert "latest_good: none of 4 is good" in once(backup).stdout


def test_once_says_how_far_it_looked(folder, receivers, dump):
    """Halves that are read at once, and before them one for which the time does not suffice."""
    backup = fill(folder / "backup", dump, 2)
    with (backup / "shop-0.dump").open("ab") as file:
        file.truncate(64 << 20)
    then = time.time() - 5 * 3600
    os.utime(backup / "shop-0.dump", (then, then))
    probe = {"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "pattern": "shop-*.dump",
             "verify": {"read_rate": "2MiB/s"}}
    (folder / "drwatch.yml").write_text(config(folder, receivers, [probe]), encoding="utf-8")
    code, result = once_json(f"--config.file={folder}/drwatch.yml")
    assert code == 2 and result["latest_good"] is None
    check = check_of(result)
    assert check["status"] == "unknown" and check["message"] == "none of the 2 looked at is good, 1 is not verified yet"
    assert "raise the probe's timeout" in check["hint"]


def test_what_nobody_has_read_is_unknown_but_what_a_service_has_read_is_known(folder, drwatch, receivers, dump):
    backup = fill(folder / "backup", dump, 0)
    probe = {"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "pattern": "shop-*.dump", "max_age": "26h",
             "verify": {"read_rate": "1KiB/s"}, "free_space_warning_ratio": 0}
    (folder / "once.yml").write_text(config(folder, receivers, [probe]), encoding="utf-8")
    code, result = once_json(f"--config.file={folder}/once.yml")
    check = next(check for check in result["checks"] if check["name"] == "verified")
    assert code == 3 and (check["status"], check["reason"]) == ("unknown", "unverified"), result
    assert "raise the probe's timeout" in check["hint"]
    quick = {**probe, "verify": {"read_rate": "unlimited"}}
    drwatch.start(config(folder, receivers, [quick]))
    wait_until(lambda: drwatch.value('backup_verification_success{backup="nightly"}') == 1, what="verified by the service")
    code, result = once_json(f"--config.file={folder}/once.yml")
    assert code == 0 and "intact (level 4)" in result["checks"][0]["message"], result
    drwatch.kill()
    assert once_json(f"--config.file={folder}/once.yml")[0] == 0, "its state stays"
    code, _ = once_json(f"--config.file={folder}/once.yml", f"--storage.path={folder}/elsewhere")
    assert code == 3
    os.utime(backup / "shop-0.dump", (time.time() - 30, time.time() - 30))
    assert once_json(f"--config.file={folder}/once.yml")[0] == 3, "written anew: nobody knows these bytes"


def backups_of(drwatch):
    return json.loads(drwatch.get("/api/dr/backups")[1])["data"]["backups"][0]


def test_the_service_goes_on_looking(folder, drwatch, receivers, dump):
    backup = fill(folder / "backup", dump, 9)
    probe = {"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "pattern": "shop-*.dump",
             "quiet_time": "200ms"}
    drwatch.start(config(folder, receivers, [probe]))
    good = wait_until(lambda: backups_of(drwatch)["latest_good"], what="a good one named")
    assert good["name"] == "shop-0.dump" and good["level"] >= 3
    assert backups_of(drwatch)["places"][0]["latest_good_detail"].endswith("the 9 after it are not proven good")
    assert drwatch.value('backup_success{backup="nightly"}') == 0
    assert re.search(r"<b>latest_good</b> &quot;shop-0\.dump&quot; of .* old, level", drwatch.get("/")[1])
    (backup / "shop-0.dump").unlink()
    wait_until(lambda: backups_of(drwatch)["latest_good"] is None, what="none named")
    assert backups_of(drwatch)["places"][0]["latest_good_detail"] == "none of 9 is good"
    assert "none of 9 is good" in drwatch.get("/")[1]


def test_an_older_one_that_is_overwritten_pages(folder, drwatch, receivers, dump):
    """As somebody does who encrypts what he finds and leaves size and times as they were."""
    backup = fill(folder / "backup", dump, 0)
    names = [f"shop-{hour}.dump" for hour in (3, 2)]
    for number, name in enumerate(names):
        then = time.time() - 3600 * (3 - number)
        (backup / name).write_bytes(made_at(dump, then))
        os.utime(backup / name, (then, then))
    spec = {"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "max_age": "26h", "min_count": 3, "verify": {"kept_every": "1h"}}
    drwatch.start(config(folder, receivers, [spec], rules=built_in("KeptBackupBroken", "BackupsTooFew"), extra="builtin_rules: false"))
    everything = sum(path.stat().st_size for path in backup.iterdir())
    wait_until(lambda: drwatch.value("backup_verified_bytes_total") == everything, what="each is read once")
    assert not drwatch.firing() - {"Watchdog"}
    victim = backup / names[0]
    good, times = victim.read_bytes(), victim.stat()
    victim.write_bytes(os.urandom(len(good)))
    os.utime(victim, (times.st_atime, times.st_mtime))
    page = expect_page(receivers, "KeptBackupBroken", wait_until)
    assert page.body["payload"]["severity"] == "critical"
    expect_page(receivers, "BackupsTooFew", wait_until)
    assert drwatch.value("backup_success") == 1, "the newest is what it was"
    copies = {copy["name"]: copy for copy in backups_of(drwatch)["places"][0]["stored"]}
    assert not copies[names[0]]["good"] and copies[names[1]]["good"], copies
    # Back from another place.
    victim.write_bytes(good)
    os.utime(victim, (times.st_atime, times.st_mtime))
    expect_resolve(receivers, page, wait_until)


@pytest.mark.skipif(not radosgw.available(), reason="radosgw is not installed")
def test_in_a_bucket(folder, drwatch, receivers, dump, tmp_path_factory, keep):
    storage = keep(Radosgw(tmp_path_factory.mktemp("radosgw"))).start()
    s3 = S3(storage.endpoint())
    bucket = s3.make_bucket("latest")
    hour = int(time.time()) // 3600 * 3600
    names = [time.strftime("shop-%Y%m%dT%H%M%SZ.dump", time.gmtime(hour - 3600 * hours)) for hours in (5, 4, 3, 2, 1)]
    for name in names:
        s3.put(bucket, f"daily/{name}", dump if name == names[0] else dump[:len(dump) // 2])
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                   "AWS_ENDPOINT_URL_S3": storage.endpoint(), "HOME": str(folder)}
    code, result = once_json(f"s3://{bucket}/daily", env=environment)
    assert code == 2 and result["latest_good"]["name"] == names[0], result
    assert check_of(result)["message"].endswith("; the 4 after it are not proven good")
    keys = {"endpoint": storage.endpoint(), "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    probe = {"name": "nightly", "type": "backup", "service": "shop", "path": f"s3://{bucket}/daily", "timeout": "8s", "s3": keys}
    drwatch.start(config(folder, receivers, [probe]))
    wait_until(lambda: (backups_of(drwatch)["latest_good"] or {}).get("name") == names[0], timeout=30, what="a good one named")


def test_in_a_repository(folder, drwatch, receivers, tmp_path_factory):
    """pgBackRest: a table of the newest full backup is cut in half; the full backup before it is good."""
    made = tmp_path_factory.mktemp("pgbackrest")
    for path in [made, *made.parents[:2]]:
        path.chmod(0o755)
    server = server_with(made / "server")
    repository = PgBackRest(server, made / "files", **{"compress-type": "lz4"})
    serve(server, [repository])
    try:
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) AS v FROM generate_series(1, 20000) g")
        for _ in range(2):
            repository.backup("full")
            server.sql("CHECKPOINT")
    finally:
        server.stop()
    root = folder / "repository"
    shutil.copytree(repository.path, root, symlinks=True, copy_function=shutil.copy2)
    older, newest = sorted(path.name for path in root.glob("backup/*/*F") if path.is_dir() and not path.is_symlink())
    largest = max((path for path in root.glob(f"backup/*/{newest}/**/base/*/*.lz4")), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    probe = {"name": "base", "type": "backup", "service": "shop", "path": str(root), "repository": "pgbackrest", "timeout": "10s"}
    text = config(folder, receivers, [probe])
    (folder / "once.yml").write_text(text, encoding="utf-8")
    code, result = once_json(f"--config.file={folder}/once.yml")
    assert code == 2 and result["latest_good"]["name"] == older, result
    drwatch.start(text)
    good = wait_until(lambda: backups_of(drwatch)["latest_good"], timeout=30, what="a good one named")
    assert good["name"] == older
