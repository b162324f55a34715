"""Repositories that the real Barman made of a real server: postgres and rsync methods, and barman-cloud in a bucket of radosgw.

Barman's rsync method is real, too; only its ssh is a program that runs the command on this machine.
"""

import json
import os
import shutil
import subprocess
import time

import pytest
from barman import Barman, as_newer, fake_ssh, set_info
from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from radosgw import ACCESS_KEY, S3, SECRET_KEY, Radosgw
from servers import PG_BIN, Postgres, wait_until


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home with two backups of "main" (plain; packed tar files and packed WAL) and one of "files" (rsync)."""
    folder = tmp_path_factory.mktemp("barman")
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    barman = Barman(folder / "home")
    server = Postgres(folder / "postgres").create([f"archive_command = '{barman.archive_command('main', 'files')}'"])
    try:
        server.start()
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 5000) g")
        (folder / "fast").mkdir()
        server.hand_over(folder / "fast")
        server.sql(f"CREATE TABLESPACE fast LOCATION '{folder / 'fast'}'")
        server.sql("CREATE TABLE u TABLESPACE fast AS SELECT g FROM generate_series(1, 5000) g")
        barman.add_server("main", server, "backup_method = postgres")
        barman.plain = barman.backup("main")
        barman.add_server("main", server, "backup_method = postgres", "compression = gzip", "backup_compression = gzip",
                          "backup_compression_format = tar", "backup_compression_location = client")
        barman.packed = barman.backup("main")
        barman.add_server("files", server, "backup_method = rsync", "backup_options = concurrent_backup",
                          f"ssh_command = {fake_ssh(folder)} postgres@localhost")
        barman.files = barman.backup("files")
        barman.server = server
        yield barman
    finally:
        server.stop()


@pytest.fixture
def home(folder, made):
    """A copy of the home whose files are links: a test that changes one puts another in its place."""
    shutil.copytree(made.home, folder / "home", symlinks=True, copy_function=os.link, ignore=shutil.ignore_patterns("*.log"))
    return folder / "home"


def verify(path, *options):
    """(exit code, {last part of a path: its line}) of drwatch verify."""
    run = subprocess.run([PROGRAM, "verify", "--format=json", *options, str(path)], check=False, capture_output=True, text=True,
                         timeout=120)
    assert run.returncode in (0, 2, 3), run.stderr
    return run.returncode, {line["path"].rsplit("/", 1)[-1]: line for line in json.loads(run.stdout)}


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    replace(path, bytes(content))


def largest(folder, pattern="*"):
    return max((path for path in folder.rglob(pattern) if path.is_file()), key=lambda path: path.stat().st_size)


def wal(home, server, name):
    return home / server / "wals" / name[:16] / name


def test_intact_backups_are_proven(made):
    code, lines = verify(made.home)
    assert code == 3, "a backup without a manifest proves nothing"
    for backup, layout in ((made.plain, "plain"), (made.packed, "tar")):
        assert lines[backup]["outcome"] == "intact", lines[backup]
        assert lines[backup]["level"] == 4
        assert lines[backup]["format"] == f"Barman backup, full, PostgreSQL 15, {layout}"
    assert lines[made.files]["outcome"] == "unjudged" and lines[made.files]["level"] == 1, lines[made.files]
    assert all(line["outcome"] != "broken" for line in lines.values()), lines
    # Barman sees it the same way.
    checked = subprocess.run([f"{PG_BIN}/pg_verifybackup", "-n", "-q", made.home / "main/base" / made.plain / "data"],
                             check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def once(target):
    """(exit code, {probe: its line}) of drwatch --once on a path."""
    run = subprocess.run([PROGRAM, "--once", "--format=json", str(target)], check=False, capture_output=True, text=True, timeout=60)
    return run.returncode, {probe["probe"]: probe for probe in json.loads(run.stdout)["results"]}


def test_paths_without_a_word_of_barman_are_recognised(home, made):
    long_ago(home / "files/base" / made.files / "backup.info")
    code, probes = once(home)
    assert code == 0 and sorted(probes) == ["files", "main"], probes
    code, probes = once(home / "main")
    assert code == 0 and made.packed in json.dumps(probes["main"]), probes
    code, lines = verify(home / "main")
    assert code == 0 and lines[made.plain]["level"] == lines[made.packed]["level"] == 4, lines
    flip(home / "main/base" / made.packed / "data/base.tar.gz")
    code, probes = once(home / "main")
    assert code == 2 and "base.tar.gz" in json.dumps(probes["main"]), probes


@pytest.mark.parametrize("part", ["wals", "base"])
def test_parts_on_another_disk_count(folder, home, made, part):
    """As with wals_directory and basebackups_directory, where a link in the home says where they are."""
    (home / "main" / part).rename(folder / "other-disk")
    (home / "main" / part).symlink_to(folder / "other-disk")
    code, lines = verify(home / "main")
    assert code == 0 and lines[made.plain]["level"] == lines[made.packed]["level"] == 4, lines


def test_a_probe_that_does_not_say_barman_is_told_to(folder, drwatch, receivers, home):
    loose = {"name": "loose", "type": "backup", "service": "shop", "path": str(home / "main"), "max_age": "26h"}
    drwatch.start(config(folder, receivers, [loose]))
    wait_until(lambda: drwatch.value('backup_success{backup="loose"}') == 0, what="nothing there counts")
    wait_until(lambda: "repository: barman" in drwatch.get("/")[1], what="told what is missing")


def test_a_manifest_of_barmans_own_is_understood(home, made):
    folder = home / "files/base" / made.files / "data"
    made.run("generate-manifest", "files", made.files)
    try:
        manifest = made.home / "files/base" / made.files / "data/backup_manifest"
        shutil.copy(manifest, folder)
    finally:
        manifest.unlink()
    _, lines = verify(home)
    # It leaves out tablespaces.
    assert lines[made.files]["outcome"] == "unjudged" and "tablespaces" in lines[made.files]["message"], lines[made.files]
    flip(largest(folder / "base"))
    _, lines = verify(home)
    assert lines[made.files]["outcome"] == "broken" and "checksum differs" in lines[made.files]["message"]


def damages(home, made):
    """(name, backup, function that damages it, part of what is said of it)"""
    plain, packed = home / "main/base" / made.plain, home / "main/base" / made.packed
    files = home / "files/base" / made.files
    first = made.info("main", made.plain)["begin_wal"]
    last = made.info("main", made.packed)["end_wal"]
    tablespace = next(path for path in plain.iterdir() if path.name.isdigit())
    return [
        ("flipped", made.plain, lambda: flip(largest(plain / "data/base")), "checksum differs"),
        ("flipped in a tablespace", made.plain, lambda: flip(largest(tablespace)), "checksum differs"),
        ("cut", made.plain, lambda: replace(largest(plain / "data/base"), b"short"), "has 5 bytes"),
        ("missing", made.plain, lambda: largest(plain / "data/base").unlink(), "missing"),
        ("foreign", made.plain, lambda: (plain / "data/base/1/99999").write_bytes(b"x"), "not in the manifest"),
        ("control", made.plain, lambda: (plain / "data/global/pg_control").unlink(), "pg_control is missing"),
        ("info", made.plain, lambda: replace(plain / "backup.info", b"status=DONE\nbegin_w"), "backup.info"),
        ("tar flipped", made.packed, lambda: flip(packed / "data/base.tar.gz"), "base.tar.gz"),
        ("tar cut", made.packed, lambda: replace(packed / "data/base.tar.gz", (packed / "data/base.tar.gz").read_bytes()[:-9]),
         "base.tar.gz"),
        ("tablespace missing", made.packed, lambda: next(packed.glob("data/1*.tar.gz")).unlink(), "missing"),
        ("manifest missing", made.packed, lambda: (packed / "data/backup_manifest").unlink(), "backup_manifest"),
        ("WAL missing", made.plain, lambda: wal(home, "main", first).unlink(), first),
        ("WAL flipped", made.plain, lambda: flip_record(wal(home, "main", first)), first),
        ("WAL cut", made.packed, lambda: replace(wal(home, "main", last), wal(home, "main", last).read_bytes()[:-100]),
         "xlog.db says"),
        ("rsync cut", made.files, lambda: replace(largest(files / "data/base"), b"short"), "backup.info says"),
        ("rsync missing", made.files, lambda: largest(files / "data/base").unlink(), "backup.info says"),
        ("rsync foreign", made.files, lambda: (files / "data/base/1/99999").write_bytes(b"x" * 9000), "backup.info says"),
    ]


def long_ago(info):
    """The last segments of a backup that was made just now may be on their way."""
    set_info(info, "end_time", time.strftime("%Y-%m-%d %H:%M:%S+00:00", time.gmtime(time.time() - 1200)))


def flip_record(path):
    content = bytearray(path.read_bytes())
    content[200] ^= 1  # within the first records
    replace(path, bytes(content))


@pytest.mark.parametrize("number", range(17))
def test_every_damage_is_found(home, made, number):
    name, backup, damage, told = damages(home, made)[number]
    if name.startswith("WAL"):
        long_ago(home / "main/base" / backup / "backup.info")
    damage()
    code, lines = verify(home)
    assert code == 2, name
    line = lines[backup]
    assert line["outcome"] == "broken", f"{name}: {line}"
    assert told in f"{line['place']}: {line['message']}", f"{name}: {line}"
    others = [one for one in (made.plain, made.packed, made.files) if one != backup]
    if not name.startswith("WAL"):
        assert all(lines[one]["outcome"] != "broken" for one in others), lines


def test_backups_of_newer_versions_are_proven(home, made):
    as_newer(home, "main", "files")
    _, lines = verify(home)
    for backup in (made.plain, made.packed):
        assert lines[backup]["outcome"] == "intact" and lines[backup]["level"] == 4, lines[backup]
    assert all(line["outcome"] != "broken" for line in lines.values()), lines
    # An upgraded server made the next one.
    as_older = home / "main/base" / made.plain / "backup.info"
    (home / f"main/meta/{made.plain}-backup.info").rename(as_older)
    _, lines = verify(home)
    assert lines[made.plain]["outcome"] == "intact", lines
    set_info(home / f"main/meta/{made.packed}-backup.info", "status", "FAILED")
    replace(largest(home / "files/base" / made.files / "data/base"), b"short")
    _, lines = verify(home)
    assert made.packed not in lines and lines[made.files]["outcome"] == "broken", lines


def probe(home, **more):
    return {"name": "main", "type": "backup", "service": "shop", "path": str(home), "repository": "barman", "stanza": "main",
            "max_age": "26h", "timeout": "10s", **more}


def test_a_lost_segment_pages_and_resolves(folder, drwatch, receivers, home, made):
    shutil.rmtree(home / "main/base" / made.plain)
    info = home / "main/base" / made.packed / "backup.info"
    drwatch.start(config(folder, receivers, [probe(home)]))
    wait_until(lambda: drwatch.value('backup_success{backup="main"}') == 1, what="backup good")
    wait_until(lambda: drwatch.value('backup_verification_success{backup="main"}') == 1, what="backup verified")
    assert drwatch.value('backup_verification_level{backup="main"}') == 4
    lost = wal(home, "main", made.info("main", made.packed)["end_wal"])
    content = lost.read_bytes()
    lost.unlink()
    long_ago(info)
    wait_until(lambda: drwatch.value('backup_success{backup="main"}') == 0, timeout=30, what="backup bad")
    page = expect_page(receivers, "BackupFailed", wait_until, timeout=40)
    assert lost.name in json.dumps(page.body) or "main" in json.dumps(page.body)
    lost.write_bytes(content)
    set_info(info, "end_time", made.info("main", made.packed)["end_time"])
    expect_resolve(receivers, page, wait_until, timeout=60)


def test_only_done_is_a_backup(home, made):
    for status, told in (("STARTED", "being made"), ("WAITING_FOR_WALS", "being made"), ("FAILED", "failed: ")):
        set_info(home / "main/base" / made.packed / "backup.info", "status", status)
        _, lines = verify(home)
        assert made.packed not in lines
        details = "\n".join(detail for line in lines.values() for detail in line["details"])
        assert told in details and made.packed in details, details


def test_a_failed_attempt_pages_and_resolves(folder, drwatch, receivers, home, made):
    """The newest backup failed: the one before it still stands in, and somebody is told."""
    newest = max(path.name for path in (home / "main/base").iterdir())
    info = home / "main/base" / newest / "backup.info"
    set_info(info, "status", "FAILED")
    drwatch.start(config(folder, receivers, [probe(home)], rules=built_in("BackupAttemptFailed"), extra="builtin_rules: false"))
    page = expect_page(receivers, "BackupAttemptFailed", wait_until, timeout=40)
    assert drwatch.value('backup_failed_attempts{backup="main"}') == 1
    set_info(info, "status", "DONE")
    expect_resolve(receivers, page, wait_until, timeout=60)


# barman-cloud


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    server = Radosgw(tmp_path_factory.mktemp("radosgw"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.parametrize("packing", ["--gzip", "--bzip2", ""])
def test_cloud_backups_are_proven_and_damages_found(folder, keep, drwatch, receivers, storage, packing):
    s3 = S3(storage.endpoint())
    bucket = s3.make_bucket("cloud" + packing.strip("-"))
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                   "AWS_DEFAULT_REGION": "us-east-1", "HOME": str(folder)}
    server = keep(Postgres(folder / "postgres").create()).start()
    server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 5000) g")

    def cloud(program, *arguments):
        options = [option for option in (packing, "--endpoint-url", storage.endpoint()) if option]
        run = subprocess.run(Postgres.as_postgres([program, *options, *arguments]), check=False, capture_output=True, text=True,
                             env=environment, cwd="/", timeout=120)
        assert run.returncode == 0, run.stdout + run.stderr

    # The archive command refuses before the bucket has WAL; it is played by hand.
    cloud("barman-cloud-backup", "--immediate-checkpoint", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres",
          f"s3://{bucket}/pg", "main")
    server.sql("SELECT pg_switch_wal()")
    wait_until(lambda: server.sql("SELECT last_archived_wal FROM pg_stat_archiver") != "", what="WAL archived")
    for segment in sorted(server.archive.iterdir()):
        if len(segment.name) == 24:
            cloud("barman-cloud-wal-archive", f"s3://{bucket}/pg", "main", str(segment))
    keys = s3_keys(s3, bucket)
    keys_of_backup = [key for key in keys if "/base/" in key]
    assert any("/data.tar" in key for key in keys_of_backup), keys
    place = {"path": f"s3://{bucket}/pg", "max_age": "26h",
             "s3": {"endpoint": storage.endpoint(), "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}}
    drwatch.start(config(folder, receivers, [probe(folder, **place)]))
    wait_until(lambda: drwatch.value('backup_verification_success{backup="main"}') == 1, timeout=40, what="backup verified")
    assert drwatch.value('backup_success{backup="main"}') == 1
    assert drwatch.value('backup_verification_level{backup="main"}') == (4 if packing else 3)
    data = next(key for key in keys_of_backup if "/data.tar" in key)
    _, content = s3.must("GET", f"/{bucket}/{data}")
    s3.put(bucket, data, content[:len(content) // 2])
    wait_until(lambda: drwatch.value('backup_success{backup="main"}') == 0, timeout=60, what="backup bad")


def s3_keys(s3, bucket):
    _, content = s3.must("GET", f"/{bucket}", query={"list-type": "2"})
    return [part.split("</Key>")[0] for part in content.decode().split("<Key>")[1:]]
