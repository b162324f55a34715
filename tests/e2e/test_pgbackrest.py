"""Repositories that pgBackRest made of a real server: intact, damaged, encrypted, running; beside its own verdicts."""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from pgbackrest import PgBackRest, serve, server_with
from radosgw import ACCESS_KEY, S3, SECRET_KEY, Radosgw
from servers import Postgres, wait_until
from test_once_wal import check, once

PROGRAM = os.environ["DRWATCH_PROGRAM"]
SEED = 20260101

# What pgBackRest can do to a file on its way into the repository.
KINDS = {
    "files": {"compress-type": "lz4"},
    "bundles": {"compress-type": "gz", "repo1-bundle": "y"},
    "blocks": {"compress-type": "zst", "repo1-bundle": "y", "repo1-block": "y", "beta": "y"},
    "encrypted": {"compress-type": "bz2", "repo1-cipher-type": "aes-256-cbc", "repo1-cipher-pass": "open sesame"},
    "encrypted-blocks": {"compress-type": "zst", "repo1-bundle": "y", "repo1-block": "y", "beta": "y",
                         "repo1-cipher-type": "aes-256-cbc", "repo1-cipher-pass": "open sesame"},
}
ENCRYPTED = [name for name in KINDS if name.startswith("encrypted")]
OPEN = [name for name in KINDS if name not in ENCRYPTED]


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """One repository of each kind with a full, a differential and an incremental backup; tests work on copies."""
    folder = tmp_path_factory.mktemp("pgbackrest")
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    server = server_with(folder / "server")
    made = {name: PgBackRest(server, folder / name, **options) for name, options in KINDS.items()}
    serve(server, made.values())
    try:
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) AS v FROM generate_series(1, 20000) g")
        for number, kind in enumerate(["full", "diff", "incr"]):
            server.sql(f"UPDATE t SET v = '{number}' WHERE g BETWEEN {number}000 AND {number}050; CHECKPOINT")
            for one in made.values():
                one.backup(kind)
        yield made
    finally:
        server.stop()


@pytest.fixture
def copy_of(folder, repositories):
    """copy_of(kind): a copy of that repository, its times kept; links to the newest backup are links there, too."""
    def make(kind):
        shutil.copytree(repositories[kind].path, folder / kind, symlinks=True, copy_function=shutil.copy2)
        return folder / kind
    return make


def verify(path):
    """(exit code, {last part of the path: outcome}, whole output) of drwatch verify."""
    result = subprocess.run([PROGRAM, "verify", "--format=json", str(path)], check=False, capture_output=True, text=True,
                            timeout=120)
    lines = json.loads(result.stdout)
    return result.returncode, {line["path"].rsplit("/", 1)[-1]: line["outcome"] for line in lines}, lines


def probe(path, **more):
    return {"name": "shop-backups", "type": "backup", "service": "shop", "backup": "nightly", "path": str(path),
            "repository": "pgbackrest", "max_age": "26h", "verify": {"read_rate": "unlimited"}, **more}


def value(drwatch, metric, labels=""):
    return drwatch.value(f'{metric}{{probe="shop-backups"{labels}}}')


def rewrite(path, content):
    """As a bad disk does: other bytes, the times of before."""
    info = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


@pytest.mark.parametrize("kind", OPEN)
def test_intact_backups_are_proven(repositories, kind):
    code, outcomes, lines = verify(repositories[kind].path)
    assert code == 0, lines
    backups = repositories[kind].backups()
    assert len(backups) == 3
    for backup in backups:
        assert outcomes[backup["label"]] == "intact"
        line = next(line for line in lines if line["path"].endswith("/" + backup["label"]))
        assert line["level"] == 4 and not line["details"], line
        words = {"full": "full", "diff": "differential", "incr": "incremental"}
        assert words[backup["type"]] in line["format"]
    assert outcomes["15-1"] == "intact"
    assert not repositories[kind].verify()


def test_what_is_told_is_what_pgbackrest_knows(folder, drwatch, receivers, repositories):
    one = repositories["bundles"]
    wal = {"name": "wal", "type": "wal_archive", "service": "shop", "path": str(one.path), "repository": "pgbackrest"}
    drwatch.start(config(folder, receivers, [probe(one.path), wal]))
    wait_until(lambda: value(drwatch, "backup_verification_success") == 1, what="newest backup verified")
    newest = one.backups()[-1]
    assert value(drwatch, "backup_success") == 1
    assert value(drwatch, "backup_verification_level") == 4
    assert value(drwatch, "backup_stored_backups") == 3
    assert value(drwatch, "backup_last_completion_timestamp_seconds") == newest["timestamp"]["stop"]
    assert value(drwatch, "backup_last_size_bytes") == newest["info"]["repository"]["size"]
    for kind, word in (("full", "full"), ("diff", "differential"), ("incr", "incremental")):
        last = max(backup["timestamp"]["stop"] for backup in one.backups() if backup["type"] == kind)
        labels = f',kind="{word}"'
        assert value(drwatch, "backup_kind_last_completion_timestamp_seconds", labels) == last
    assert value(drwatch, "backup_kept", ',kind="incremental"') == 1
    # The WAL of the same repository is carried on from these backups.
    wait_until(lambda: drwatch.value('pitr_window_seconds{probe="wal"}'), what="window")
    start = drwatch.value('pitr_window_start_timestamp_seconds{probe="wal"}')
    # The archive notes the first backups of all repositories: the server is the same.
    first = min(other.backups()[0]["timestamp"]["start"] for other in repositories.values())
    assert first <= start <= one.backups()[0]["timestamp"]["stop"]
    time.sleep(1)
    assert not receivers.pages()


@pytest.mark.parametrize("kind", OPEN)
def test_every_damage_is_found(copy_of, repositories, kind, folder):
    """Seeded damages to random stored files, each undone again: found by both programs, or by drwatch alone."""
    chance = random.Random(SEED)
    path = copy_of(kind)
    own = PgBackRest(repositories[kind].server, folder / "own", **{**KINDS[kind], "repo1-path": path})
    own.path = path
    needed = [(backup["archive"]["start"], backup["archive"]["stop"]) for backup in own.backups()]
    files = [file for file in own.stored_files() if file.stat().st_size > 0 and
             ("archive" not in file.parts or any(start <= file.name[:24] <= stop for start, stop in needed))]
    subprocess.run(["chmod", "-R", "a+rX", str(path)], check=True)
    found = theirs = 0
    damages = 4
    for number in range(damages):
        file = chance.choice(files)
        content = file.read_bytes()
        what = ["flipped", "cut", "removed", "zeroed"][number % 4]
        if what == "flipped":
            damaged = bytearray(content)
            damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            rewrite(file, bytes(damaged))
        elif what == "cut":
            rewrite(file, content[:chance.randrange(len(content))])
        elif what == "removed":
            file.unlink()
        else:
            rewrite(file, bytes(len(content)))
        code, _, lines = verify(path)
        assert code == 2, f"{what} {file}: {lines}"
        found += 1
        theirs += bool(own.verify())
        file.write_bytes(content)
    assert verify(path)[0] == 0
    print(f"{kind}: {damages} damages, drwatch {found}, pgbackrest verify {theirs}")
    assert found == damages


def test_texts_have_copies(copy_of, repositories):
    label = repositories["files"].backups()[0]["label"]
    for name in ("backup/main/backup.info", "archive/main/archive.info", f"backup/main/{label}/backup.manifest"):
        path = copy_of("files")
        text = (path / name).read_bytes()
        (path / name).write_bytes(text[: len(text) // 2])
        code, outcomes, lines = verify(path)
        assert code == 0, lines
        assert any(line["details"] for line in lines), name
        (path / (name + ".copy")).unlink()
        code, outcomes, lines = verify(path)
        assert code != 0, lines
        assert outcomes.get(label) != "intact"
        shutil.rmtree(path)


def test_a_list_of_backups_that_was_cut_is_a_warning(folder, drwatch, receivers, copy_of):
    """Its copy is whole: everything can be restored, so that nobody is paged, and whoever looks is told."""
    path = copy_of("files")
    text = path / "backup/main/backup.info"
    content = text.read_bytes()
    drwatch.start(config(folder, receivers, [probe(path)]))
    wait_until(lambda: value(drwatch, "backup_verification_success") == 1, what="newest backup verified")
    for left in (len(content) // 2, 0):
        rewrite(text, content[:left])
        wait_until(lambda: "backup/main/backup.info" in drwatch.get("/")[1], what="told on the status page")
        code, results = once(folder, receivers, [probe(path)])
        place = check(results["shop-backups"], "place")
        assert (code, place["status"], place["reason"]) == (1, "warning", "corrupt") and "backup.info" in place["message"], results
        assert value(drwatch, "backup_success") == 1 and value(drwatch, "backup_probe_success") == 1
        assert value(drwatch, "backup_stored_backups") == 3, "by the copy"
        rewrite(text, content)
        wait_until(lambda: "backup/main/backup.info" not in drwatch.get("/")[1], what="nothing left to tell")
    assert once(folder, receivers, [probe(path)])[0] == 0
    assert not receivers.pages()


def test_a_hole_between_kept_backups_is_broken(copy_of, repositories):
    """As verify --wal says: no point behind it can be reached from the backups before. Each backup itself is whole."""
    path = copy_of("files")
    backups = repositories["files"].backups()
    between = [file for file in sorted(path.glob("archive/main/15-1/*/0*-*"))
               if backups[0]["archive"]["stop"] < file.name[:24] < backups[1]["archive"]["start"]]
    between[0].unlink()
    old = time.time() - 3600
    for file in path.glob("archive/main/15-1/*/0*-*"):
        os.utime(file, (old, old))
    code, outcomes, lines = verify(path)
    archive = next(line for line in lines if line["path"].endswith("/15-1"))
    assert code == 2 and outcomes["15-1"] == "broken", lines
    assert between[0].name[:24] in archive["message"] and between[0].name[:24] in archive["details"][0]
    assert all(outcomes[backup["label"]] == "intact" for backup in backups)


@pytest.mark.parametrize("part", ["archive", "backup", "archive/main/15-1"])
def test_parts_on_another_disk_count(folder, copy_of, repositories, part):
    """pgBackRest follows links; so does whoever looks at what it left."""
    path = copy_of("blocks")
    elsewhere = folder / "other-disk"
    (path / part).rename(elsewhere)
    (path / part).symlink_to(elsewhere)
    code, outcomes, lines = verify(path)
    assert code == 0, lines
    assert all(outcomes[backup["label"]] == "intact" for backup in repositories["blocks"].backups())
    # What lies there is really read.
    elsewhere.rename(folder / "away")
    assert verify(path)[0] != 0


def test_flipped_byte_to_page_and_back(folder, drwatch, receivers, copy_of, repositories):
    path = copy_of("blocks")
    drwatch.start(config(folder, receivers, [probe(path)]))
    wait_until(lambda: value(drwatch, "backup_verification_success") == 1, what="newest backup verified")
    # In the full backup, which the newest one builds upon.
    full = repositories["blocks"].backups()[0]["label"]
    bundle = path / "backup/main" / full / "bundle/1"
    content = bundle.read_bytes()
    damaged = bytearray(content)
    for at in range(0, len(content), 5000):
        damaged[at] ^= 1
    bundle.write_bytes(bytes(damaged))
    page = expect_page(receivers, "BackupFailed", wait_until)
    assert value(drwatch, "backup_verification_success") == 0
    assert drwatch.value('probe_failure_info{probe="shop-backups",reason="corrupt"}') == 1
    bundle.write_bytes(content)
    expect_resolve(receivers, page, wait_until)


def test_lost_wal_to_page_and_back(folder, drwatch, receivers, copy_of, repositories):
    path = copy_of("files")
    drwatch.start(config(folder, receivers, [probe(path)]))
    wait_until(lambda: value(drwatch, "backup_success") == 1, what="backup good")
    segment = repositories["files"].backups()[-1]["archive"]["stop"]
    file = next(path.glob(f"archive/main/15-1/*/{segment}-*"))
    content = file.read_bytes()
    file.unlink()
    page = expect_page(receivers, "BackupFailed", wait_until)
    assert value(drwatch, "backup_check_success", ',check="restorable"') == 0
    assert f"missing from {segment}" in drwatch.get("/api/dr/backups")[1]
    file.write_bytes(content)
    expect_resolve(receivers, page, wait_until)


def test_bucket_to_page_and_back(folder, drwatch, receivers, repositories, keep):
    storage = keep(Radosgw(folder / "radosgw")).start()
    s3 = S3(storage.endpoint())
    bucket = s3.make_bucket("pgbackrest")
    path = repositories["blocks"].path
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            s3.put(bucket, f"repo/{file.relative_to(path)}", file.read_bytes())
    keys = {"endpoint": storage.endpoint(), "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    drwatch.start(config(folder, receivers, [probe(f"s3://{bucket}/repo", s3=keys, interval="500ms", timeout="8s")]))
    wait_until(lambda: value(drwatch, "backup_verification_success") == 1, what="newest backup verified")
    assert value(drwatch, "backup_verification_level") == 4
    assert value(drwatch, "backup_stored_backups") == 3
    newest = repositories["blocks"].backups()[-1]
    assert value(drwatch, "backup_last_completion_timestamp_seconds") == newest["timestamp"]["stop"]
    file = next(path.glob(f"backup/main/{newest['label']}/bundle/*"))
    name = f"repo/{file.relative_to(path)}"
    s3.delete(bucket, name)
    page = expect_page(receivers, "BackupFailed", wait_until)
    s3.put(bucket, name, file.read_bytes())
    expect_resolve(receivers, page, wait_until)


@pytest.mark.parametrize("kind", ENCRYPTED)
def test_encrypted_is_watched_and_not_failed(folder, drwatch, receivers, repositories, kind):
    one = repositories[kind]
    drwatch.start(config(folder, receivers, [probe(one.path)]))
    wait_until(lambda: value(drwatch, "backup_verification_level") == 1, what="looked at")
    assert value(drwatch, "backup_success") == 1
    assert value(drwatch, "backup_stored_backups") == 3
    stop = one.backups()[-1]["timestamp"]["stop"]
    assert abs(value(drwatch, "backup_last_completion_timestamp_seconds") - stop) < 10
    assert value(drwatch, "backup_verification_success") is None
    code, _, _ = verify(one.path)
    assert code == 3
    time.sleep(1)
    assert not receivers.pages()


@pytest.mark.parametrize("backup, left", [(-1, -5), (0, 0)], ids=["newest cut", "full emptied"])
def test_encrypted_and_cut_off_to_page_and_back(folder, drwatch, receivers, copy_of, repositories, backup, left):
    """A size that no encrypted file has, in the newest backup or in the full one that it builds upon."""
    path = copy_of("encrypted")
    assert verify(path)[0] == 3
    drwatch.start(config(folder, receivers, [probe(path)]))
    wait_until(lambda: value(drwatch, "backup_verification_level") == 1, what="looked at")
    wait_until(lambda: value(drwatch, "backup_success") == 1, what="nothing speaks against it")
    label = repositories["encrypted"].backups()[backup]["label"]
    file = max((file for file in path.glob(f"backup/main/{label}/pg_data/**/*") if file.is_file()), key=lambda file: file.stat().st_size)
    content = file.read_bytes()
    rewrite(file, content[:left])
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: value(drwatch, "backup_check_success", ',check="restorable"') == 0, what="not restorable")
    wait_until(lambda: drwatch.value('probe_failure_info{probe="shop-backups",reason="incomplete"}') == 1, what="the reason")
    assert f"{file.name} has {file.stat().st_size} bytes, as no encrypted file has" in drwatch.get("/api/dr/backups")[1]
    code, _, lines = verify(path)
    assert code == 2 and any("as no encrypted file has" in line["message"] for line in lines), lines
    rewrite(file, content)
    expect_resolve(receivers, page, wait_until)
    wait_until(lambda: value(drwatch, "backup_check_success", ',check="restorable"') == 1, what="restorable again")
    assert verify(path)[0] == 3
    assert not receivers.pages(alertname="BackupCorrupt")


def test_killed_backup(folder, drwatch, receivers, keep):
    server = keep(server_with(folder / "server"))
    one = PgBackRest(server, folder / "repository", **{"compress-type": "bz2", "compress-level": 9})
    serve(server, [one])
    drwatch.start(config(folder, receivers, [probe(one.path)]))
    page = expect_page(receivers, "BackupFailed", wait_until)
    server.sql("CREATE TABLE t AS SELECT g, md5(g::text) AS v FROM generate_series(1, 400000) g")
    command = ["pgbackrest", f"--config={one.config}", "--stanza=main", "--type=full", "backup"]
    running = subprocess.Popen(server.as_postgres(command), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
    try:
        wait_until(lambda: list(one.path.glob("backup/main/*F/backup.manifest.copy")), timeout=60, what="a backup that runs")
        wait_until(lambda: value(drwatch, "backup_in_progress") == 1, what="seen as being made")
    finally:
        os.killpg(running.pid, signal.SIGKILL)  # with its workers
        running.wait()
    left = next(one.path.glob("backup/main/*F"))
    assert value(drwatch, "backup_success") == 0
    # A day later nobody believes any more that it goes on.
    long_ago = time.time() - 30 * 3600
    for file in left.rglob("*"):
        os.utime(file, (long_ago, long_ago))
    wait_until(lambda: value(drwatch, "backup_failed_attempts") == 1, what="a failed attempt")
    assert value(drwatch, "backup_in_progress") == 0
    one.backup("full")
    expect_resolve(receivers, page, wait_until)


def test_a_damaged_database_is_told(folder, drwatch, receivers, keep):
    """pgBackRest copies damaged pages and notes them: the backup restores, and what it restores is damaged."""
    server = keep(Postgres(folder / "server").create(["wal_level = replica"], ["--wal-segsize=1", "--data-checksums"]))
    one = PgBackRest(server, folder / "repository")
    serve(server, [one])
    server.sql("CREATE TABLE t AS SELECT g, md5(g::text) AS v FROM generate_series(1, 20000) g")
    server.sql("CHECKPOINT")
    file = server.data / server.sql("SELECT pg_relation_filepath('t')")
    content = file.read_bytes()
    file.write_bytes(content[:8192 * 3 + 4000] + b"damaged!" + content[8192 * 3 + 4008:])
    one.backup("full")
    drwatch.start(config(folder, receivers, [probe(one.path)], rules=built_in("BackupSourceDamaged"), extra="builtin_rules: false"))
    page = expect_page(receivers, "BackupSourceDamaged", wait_until)
    wait_until(lambda: value(drwatch, "backup_verification_success") == 1, what="the bytes are those that were stored")
    file.write_bytes(content)
    one.backup("full")
    expect_resolve(receivers, page, wait_until)
