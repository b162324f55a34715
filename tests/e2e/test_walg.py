"""WAL-G repositories: a full backup and a delta, in every packing that WAL-G knows, each damage found.

wal-g itself is not in Debian. The repositories are laid out as its source says (tests/support/walg.py) around a real server's base
backups and WAL; what cannot be tested so is that a future wal-g writes the same.
"""

import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest
from configs import config, expect_page, expect_resolve
from drwatch import PROGRAM
from radosgw import ACCESS_KEY, S3, SECRET_KEY, Radosgw
from servers import PG_BIN, Postgres, wait_until
from walg import PACKERS, WalG, pack


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{packing: (repository, full backup, delta)}"""
    folder = tmp_path_factory.mktemp("walg")
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    server = Postgres(folder / "postgres").create().start()
    try:
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) AS v FROM generate_series(1, 5000) g")
        taken = []
        for number in range(2):
            target = server.folder / f"taken-{number}"
            server.run(f"{PG_BIN}/pg_basebackup", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-Ft", "-X", "none",
                       "--checkpoint=fast", "-D", target)
            taken.append((target / "base.tar", server.sql("SELECT pg_current_wal_lsn()")))
            server.sql("UPDATE t SET v = v || 'x' WHERE g % 50 = 0")
        server.sql("SELECT pg_switch_wal()")
        last = server.sql("SELECT pg_walfile_name(pg_current_wal_lsn())")
        wait_until(lambda: server.sql("SELECT last_archived_wal FROM pg_stat_archiver") >= last[:-1], what="WAL archived")
        wait_until(lambda: len([path for path in server.archive.iterdir() if len(path.name) == 24]) >= 4, what="WAL archived")
        identifier = int(server.sql("SELECT system_identifier FROM pg_control_system()"))
        made = {}
        for packing in PACKERS:
            repository = WalG(folder / f"repository{packing}", packing)
            full = repository.backup(*taken[0][:1], identifier, taken[0][1])
            delta = repository.backup(*taken[1][:1], identifier, taken[1][1], parent=full)
            repository.archive(server.archive)
            made[packing] = (repository, full, delta)
        yield made
    finally:
        server.stop()


def verify(path):
    """(exit code, {last part of a path: its line}) of drwatch verify."""
    run = subprocess.run([PROGRAM, "verify", "--format=json", str(path)], check=False, capture_output=True, text=True, timeout=120)
    assert run.returncode in (0, 2, 3), run.stderr
    return run.returncode, {line["path"].rsplit("/", 1)[-1]: line for line in json.loads(run.stdout)}


@pytest.mark.parametrize("packing", PACKERS)
def test_intact_backups_are_proven(made, packing):
    repository, full, delta = made[packing]
    code, lines = verify(repository.folder)
    assert code == 0, lines
    for backup, kind in ((full, "full"), (delta, "incremental")):
        line = lines[backup["name"]]
        assert line["outcome"] == "intact", line
        # Brotli, lzma and plain tar files have no checksums, and zstd's library leaves them out where its program does not.
        assert line["level"] == (4 if packing in ("lz4", "zst") else 3), line
        assert line["format"].startswith(f"WAL-G backup, {kind}, PostgreSQL 15"), line


@pytest.fixture
def copy(folder, made):
    """copy(packing): a copy whose files are links, with its full backup and its delta."""
    def make(packing="lz4"):
        repository, full, delta = made[packing]
        shutil.copytree(repository.folder, folder / "repository", copy_function=os.link)
        return folder / "repository", full, delta
    return make


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def flip(path, at=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 4
    replace(path, bytes(content))


def damages(root, full, delta):
    """{name: (function that damages the delta or what it needs, part of what is said of it)}"""
    own, parent = root / "basebackups_005" / delta["name"], root / "basebackups_005" / full["name"]
    tars = "tar_partitions"
    wal = root / f"wal_005/{delta['segment']}.lz4"
    sentinel = parent.with_name(full["name"] + "_backup_stop_sentinel.json")
    own_sentinel = own.with_name(delta["name"] + "_backup_stop_sentinel.json")
    return {
        "flipped": (lambda: flip(own / tars / "part_001.tar.lz4"), "part_001.tar.lz4"),
        "cut": (lambda: replace(own / tars / "part_001.tar.lz4", (own / tars / "part_001.tar.lz4").read_bytes()[:-5]), "part_001"),
        "missing": (lambda: (own / tars / "part_001.tar.lz4").unlink(), "files_metadata.json names it"),
        "parent flipped": (lambda: flip(parent / tars / "part_002.tar.lz4"), "part_002.tar.lz4"),
        "parent missing": (lambda: (parent / tars / "part_002.tar.lz4").unlink(), "files_metadata.json names it"),
        "parent unfinished": (sentinel.unlink, "is not there or was never finished"),
        "control missing": (lambda: (own / tars / "pg_control.tar.lz4").unlink(), "pg_control.tar is missing"),
        "control damaged": (lambda: damage_control(own / tars / "pg_control.tar.lz4"), "own checksum differs"),
        "foreign": (lambda: shutil.copy(parent / tars / "part_002.tar.lz4", own / tars / "part_777.tar.lz4"), "not named by"),
        "no tar": (lambda: (own / tars / "README").write_text("hello", encoding="ascii"), "is no tar file"),
        "list missing": (lambda: (own / "files_metadata.json").unlink(), "files_metadata.json is missing"),
        "list cut": (lambda: replace(own / "files_metadata.json", (own / "files_metadata.json").read_bytes()[:-20]), "ends in"),
        "sentinel damaged": (lambda: replace(own_sentinel, own_sentinel.read_bytes()[:-20]), "its sentinel"),
        "error page": (lambda: replace(own / tars / "part_001.tar.lz4", b"<html>503</html>"), "promises lz4"),
        "WAL missing": (wal.unlink, delta["segment"]),
        "WAL flipped": (lambda: flip(wal, 0.01), delta["segment"]),
        "WAL empty": (lambda: replace(wal, b""), delta["segment"]),
    }


def damage_control(path):
    raw = bytearray(subprocess.run(["lz4", "-q", "-d", "-c", path], check=True, capture_output=True).stdout)
    raw[512 + 100] ^= 1  # within pg_control, whose tar header comes first
    replace(path, pack(bytes(raw), "lz4"))


@pytest.mark.parametrize("name", damages(pathlib.Path("/"), {"name": "a", "segment": "b"}, {"name": "c", "segment": "d"}))
def test_every_damage_is_found(copy, name):
    root, full, delta = copy()
    damage, told = damages(root, full, delta)[name]
    damage()
    code, lines = verify(root)
    assert code == 2, lines
    line = lines[delta["name"]]
    assert line["outcome"] == "broken", line
    assert told in f"{line['place']}: {line['message']}", line


def hide(path):
    """What libsodium makes of a file: noise without a magic number."""
    replace(path, os.urandom(path.stat().st_size + 24))


def test_encrypted_repositories_are_no_failure(copy):
    root, full, delta = copy("br")
    for path in [*root.glob("basebackups_005/*/tar_partitions/*"), *root.glob("wal_005/*")]:
        hide(path)
    code, lines = verify(root)
    assert code == 3, lines
    for backup in (full, delta):
        assert lines[backup["name"]]["outcome"] == "unjudged" and lines[backup["name"]]["level"] == 1
        assert "encrypted" in lines[backup["name"]]["message"]


def probe(path, **more):
    return {"name": "base", "type": "backup", "service": "shop", "path": str(path), "repository": "wal-g", "max_age": "26h",
            "timeout": "10s", **more}


def test_a_flipped_bit_pages_and_resolves(folder, drwatch, receivers, copy):
    root, _, delta = copy()
    drwatch.start(config(folder, receivers, [probe(root)]))
    wait_until(lambda: drwatch.value('backup_verification_success{backup="base"}') == 1, timeout=30, what="backup verified")
    assert drwatch.value('backup_success{backup="base"}') == 1
    assert drwatch.value('backup_verification_level{backup="base"}') == 4
    time.sleep(1)
    assert not receivers.pages()
    tar = root / "basebackups_005" / delta["name"] / "tar_partitions/part_001.tar.lz4"
    good = tar.read_bytes()
    # Trees that have settled are listed again after ten minutes; a new sentinel is seen at once.
    flip(tar)
    os.utime(root / "basebackups_005" / f"{delta['name']}_backup_stop_sentinel.json")
    wait_until(lambda: drwatch.value('backup_success{backup="base"}') == 0, timeout=30, what="backup bad")
    page = expect_page(receivers, "BackupFailed", wait_until, timeout=40)
    replace(tar, good)
    os.utime(root / "basebackups_005" / f"{delta['name']}_backup_stop_sentinel.json")
    expect_resolve(receivers, page, wait_until, timeout=60)


def test_a_bucket_is_a_repository(folder, drwatch, receivers, made, tmp_path_factory, keep):
    storage = keep(Radosgw(tmp_path_factory.mktemp("radosgw"))).start()
    s3 = S3(storage.endpoint())
    bucket = s3.make_bucket("walg")
    repository, _, delta = made["zst"]
    for path in sorted(repository.folder.rglob("*")):
        if path.is_file():
            s3.put(bucket, f"pg/{path.relative_to(repository.folder)}", path.read_bytes())
    keys = {"endpoint": storage.endpoint(), "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    drwatch.start(config(folder, receivers, [probe(f"s3://{bucket}/pg", s3=keys)]))
    wait_until(lambda: drwatch.value('backup_verification_success{backup="base"}') == 1, timeout=60, what="backup verified")
    assert drwatch.value('backup_success{backup="base"}') == 1
    s3.delete(bucket, f"pg/basebackups_005/{delta['name']}/tar_partitions/pg_control.tar.zst")
    wait_until(lambda: drwatch.value('backup_success{backup="base"}') == 0, timeout=60, what="backup bad")
