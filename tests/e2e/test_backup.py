"""Backups on a real pg_dump and pg_basebackup: stale, truncated, flipped, replaced, empty; each to a page and back."""

import fcntl
import gzip
import hashlib
import json
import os
import pty
import shutil
import struct
import subprocess
import termios
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from servers import PG_BIN, Postgres, fill_backup_folder, made_at, wait_until


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    """One good dump and base backup, made once; tests work on copies."""
    folder = tmp_path_factory.mktemp("artefacts")
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    server = Postgres(folder / "postgres").create().start()
    server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g")
    try:
        yield fill_backup_folder(server, folder / "backup")
    finally:
        server.stop()


@pytest.fixture
def backup(folder, artefacts):
    """A folder with a copy of the good ones, their times kept."""
    shutil.copytree(artefacts[0].parent, folder / "backup", copy_function=shutil.copy2)
    return folder / "backup"


def dump_probe(backup, **more):
    return {"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "pattern": "shop-*.dump",
            "max_age": "26h", "min_size": "1KiB", "quiet_time": "200ms", **more}


def success(drwatch):
    return drwatch.value('backup_success{backup="nightly",location="primary"}')


def dump_of(backup):
    return next(backup.glob("shop-*.dump"))


def forget_checksums(backup):
    (backup / "SHA256SUMS").unlink()


def newer(path, source):
    """Writes `source` bytes as a newer artefact beside the good one."""
    path.write_bytes(source)
    later = time.time()
    os.utime(path, (later, later))


def test_a_dump_in_pieces_is_one_backup(folder, drwatch, receivers, backup):
    """pg_dump | split: whole, then without its last piece, then whole again."""
    pieces = folder / "pieces"
    pieces.mkdir()
    dump = dump_of(backup)
    subprocess.run(["split", "-b", str(dump.stat().st_size // 4 + 1), dump, pieces / "shop.dump."], check=True)
    assert sorted(path.name for path in pieces.iterdir()) == [f"shop.dump.a{letter}" for letter in "abcd"]
    drwatch.start(config(folder, receivers, [{**dump_probe(pieces), "pattern": "*"}]))
    wait_until(lambda: drwatch.value('backup_verification_success{backup="nightly"}') == 1, what="pieces verified")
    wait_until(lambda: success(drwatch) == 1, what="backup good")
    wait_until(lambda: drwatch.value('backup_stored_backups{backup="nightly"}') == 1, what="one backup")
    assert drwatch.value('backup_last_size_bytes{backup="nightly"}') == dump.stat().st_size
    last = pieces / "shop.dump.ad"
    content = last.read_bytes()
    last.unlink()
    page = expect_page(receivers, "BackupFailed", wait_until)
    last.write_bytes(content)
    expect_resolve(receivers, page, wait_until)


def test_numbered_dumps_each_of_which_is_whole_are_two_backups(folder, drwatch, receivers, backup):
    """They are named and sized as the pieces of one would be."""
    dumps = folder / "dumps"
    dumps.mkdir()
    dump = dump_of(backup)
    for name in ("x00", "x01"):
        shutil.copy2(dump, dumps / name)
    drwatch.start(config(folder, receivers, [{**dump_probe(dumps), "pattern": "*"}]))
    wait_until(lambda: drwatch.value('backup_verification_success{backup="nightly"}') == 1, what="the newest verified")
    assert drwatch.value('backup_stored_backups{backup="nightly"}') == 2
    assert drwatch.value('backup_last_size_bytes{backup="nightly"}') == dump.stat().st_size
    assert not receivers.pages()


def test_a_folder_of_pieces_is_proven_by_what_they_are_together(folder, artefacts):
    from drwatch import PROGRAM
    pieces = folder / "pieces"
    pieces.mkdir()
    subprocess.run(["split", "-n", "4", artefacts[0], pieces / "shop.dump."], check=True)

    def verify():
        answer = subprocess.run([PROGRAM, "verify", "--format=json", pieces], check=False, capture_output=True, text=True)
        (verdict,) = json.loads(answer.stdout)
        return answer.returncode, verdict["level"], verdict["place"]
    assert verify() == (0, 4, "")
    middle = pieces / "shop.dump.ac"
    content = middle.read_bytes()
    middle.write_bytes(content[:-1])
    assert verify()[0] == 2 and verify()[2].startswith("shop.dump.aa")
    middle.write_bytes(content)
    (pieces / "b2.sums").write_text(hashlib.blake2b(content).hexdigest() + "  shop.dump.ac\n", encoding="ascii")
    assert verify() == (0, 4, "")


def test_good_backups_are_proven(folder, drwatch, receivers, backup):
    base = {"name": "base", "type": "backup", "path": str(backup), "pattern": "base-*", "quiet_time": "200ms"}
    drwatch.start(config(folder, receivers, [dump_probe(backup), base]))
    wait_until(lambda: success(drwatch) == 1, what="backup good")
    wait_until(lambda: drwatch.value('backup_verification_success{backup="nightly"}') == 1, what="dump verified")
    wait_until(lambda: drwatch.value('backup_verification_success{backup="base"}') == 1, what="base backup verified")
    assert drwatch.value('backup_verification_level{backup="nightly"}') >= 3
    assert drwatch.value('backup_verification_level{backup="base"}') >= 4
    assert drwatch.value('backup_last_size_bytes{backup="nightly"}') == dump_of(backup).stat().st_size
    time.sleep(1.5)
    assert not receivers.pages(), "a good backup pages nobody"


def test_a_dump_brings_back_the_state_at_its_start(folder, drwatch, receivers, backup):
    """Its header says when that was on the clock of its machine; here in Nepal, 7 minutes before its end."""
    dump = dump_of(backup)
    end = int(time.time()) - 3600
    begun = end - 420
    content = made_at(dump.read_bytes(), begun + 5 * 3600 + 45 * 60 - time.localtime().tm_gmtoff)
    forget_checksums(backup)
    dump.unlink()
    (backup / "shop-1.dump").write_bytes(content)
    os.utime(backup / "shop-1.dump", (end, end))
    drwatch.start(config(folder, receivers, [dump_probe(backup)]))
    wait_until(lambda: success(drwatch) == 1, what="backup good")
    point = wait_until(lambda: drwatch.value('backup_last_success_timestamp_seconds{backup="nightly"}'), what="verified")
    assert point == begun
    assert drwatch.value('backup_last_completion_timestamp_seconds{backup="nightly"}') == end


def test_series_exists_from_the_first_scrape(folder, drwatch, receivers):
    drwatch.start(config(folder, receivers, [dump_probe(folder / "nowhere")]), wait="healthy")
    wait_until(lambda: 'backup_success{backup="nightly",location="primary"' in drwatch.metrics(), timeout=3,
               what="series on /metrics")
    expect_page(receivers, "BackupFailed", wait_until)


def test_stale_backup(folder, drwatch, receivers, backup):
    # The file's own name carries its time, so an old one needs an old name as well as an old mtime.
    old = backup / "shop-20200101T020000Z.dump"
    dump_of(backup).rename(old)
    os.utime(old, (1577844000, 1577844000))
    forget_checksums(backup)
    drwatch.start(config(folder, receivers, [dump_probe(backup)]))
    page = expect_page(receivers, "BackupFailed", wait_until)
    assert drwatch.value('backup_check_success{check="fresh"}') == 0
    assert drwatch.value('probe_failure_info{reason="stale"}') == 1
    fresh = backup / time.strftime("shop-%Y%m%dT%H%M%SZ.dump", time.gmtime())
    shutil.copy(old, fresh)
    expect_resolve(receivers, page, wait_until)


@pytest.mark.parametrize("damage, reason", [
    ("truncated", "incomplete"), ("flipped", "corrupt"), ("xml", "wrong_format"), ("empty", "too_small")])
def test_damaged_backup(folder, drwatch, receivers, backup, damage, reason):
    dump = dump_of(backup)
    good = dump.read_bytes()
    forget_checksums(backup)
    drwatch.start(config(folder, receivers, [dump_probe(backup)]))
    wait_until(lambda: success(drwatch) == 1, what="backup good")
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0x10
    xml = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>\n' * 20
    bytes_of = {"truncated": good[:-100], "flipped": bytes(flipped), "xml": xml, "empty": b""}
    newer(dump, bytes_of[damage])
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: drwatch.value(f'probe_failure_info{{probe="nightly",reason="{reason}"}}') == 1,
               what=f"reason {reason}")
    newer(dump, good)
    expect_resolve(receivers, page, wait_until)


def test_checksum_list_tells_a_changed_file(folder, drwatch, receivers, backup):
    base = next(backup.glob("base-*"))
    probe = {"name": "nightly", "type": "backup", "path": str(backup), "pattern": "base-*", "quiet_time": "200ms"}
    drwatch.start(config(folder, receivers, [probe]))
    wait_until(lambda: success(drwatch) == 1, what="backup good")
    archive = base / "base.tar.gz"
    content = bytearray(archive.read_bytes())
    content[len(content) // 3] ^= 1
    newer(archive, bytes(content))
    expect_page(receivers, "BackupFailed", wait_until)


def test_partial_files_do_not_fail_the_previous_backup(folder, drwatch, receivers, backup):
    drwatch.start(config(folder, receivers, [dump_probe(backup, quiet_time="1h")]))
    wait_until(lambda: success(drwatch) == 1, what="backup good")
    good = dump_of(backup).read_bytes()
    newer(backup / "shop-20300101T000000Z.dump.part", good[:1000])
    newer(backup / "shop-tomorrow.dump", good[:1000])
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert success(drwatch) == 1
        time.sleep(0.2)
    wait_until(lambda: (drwatch.value('backup_in_progress{backup="nightly"}') or 0) >= 1, what="both seen as being written")
    assert not receivers.pages()


def test_verdicts_are_remembered_across_a_restart(folder, drwatch, receivers, backup):
    drwatch.start(config(folder, receivers, [dump_probe(backup)]))
    wait_until(lambda: drwatch.value('backup_verification_success{backup="nightly"}') == 1, what="verified")
    verified_at = drwatch.value('backup_verification_timestamp_seconds{backup="nightly"}')
    drwatch.kill()
    drwatch.start()
    wait_until(lambda: drwatch.value('backup_verification_success{backup="nightly"}') == 1, what="remembered")
    assert drwatch.value('backup_verification_timestamp_seconds{backup="nightly"}') == pytest.approx(verified_at, abs=1)
    assert not drwatch.value('backup_verified_bytes_total{backup="nightly"}'), "nothing was read again"


def test_verify_command(folder, artefacts):
    from drwatch import PROGRAM
    dump, base = artefacts
    assert subprocess.run([PROGRAM, "verify", dump, base], check=False).returncode == 0
    broken = folder / "broken.dump"
    broken.write_bytes(dump.read_bytes()[:-1])
    answer = subprocess.run([PROGRAM, "verify", broken], check=False, capture_output=True, text=True)
    assert answer.returncode == 2
    assert "broken.dump" in answer.stdout and "incomplete" in answer.stdout
    assert subprocess.run([PROGRAM, "verify"], check=False, capture_output=True).returncode == 1
    answer = subprocess.run([PROGRAM, "verify", "s3://bucket/shop.dump"], check=False, capture_output=True, text=True)
    assert answer.returncode == 3 and "drwatch --once s3://bucket/shop.dump" in answer.stdout


def test_verify_draws_its_progress_in_one_line_of_a_narrow_terminal(folder):
    """Enough bytes for a few drawings, read by a single thread."""
    from drwatch import PROGRAM
    big = folder / "big.sql.gz"
    big.write_bytes(gzip.compress(bytes(64 << 20), compresslevel=1) * 40)
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
    process = subprocess.Popen([PROGRAM, "verify", "--jobs=1", big], stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    drawn = b""
    while True:
        try:
            drawn += os.read(controller, 4096)
        except OSError:  # the program has ended
            break
    os.close(controller)
    process.wait(timeout=60)
    lines = [line.removeprefix(b"\x1b[K") for line in drawn.split(b"\r") if line]
    assert any(b"done, " in line for line in lines), drawn
    assert max(map(len, lines)) == 20, "cut, and not shorter than it must be"


def test_verify_asks_for_a_level(folder, artefacts):
    """What nobody could prove is told apart from what is broken."""
    from drwatch import PROGRAM
    packed = folder / "dump.sql.gz"
    packed.write_bytes(gzip.compress(b"".join(b"%d a row\n" % n for n in range(1000))))
    plain = folder / "rows.tar"
    (folder / "rows").write_bytes(b"a row\n" * 100)
    subprocess.run(["tar", "-cf", plain, "-C", folder, "rows"], check=True)

    def verify(level, *paths):
        answer = subprocess.run([PROGRAM, "verify", f"--level={level}", *paths], check=False, capture_output=True, text=True)
        return answer.returncode, answer.stdout
    assert verify(4, *artefacts)[0] == 0
    assert verify(3, plain)[0] == 0
    code, text = verify(4, plain)
    assert code == 3 and "unjudged (unverified), level 3" in text and "level 4 cannot be proven" in text
    (folder / "rows.tar.sha256").write_text(hashlib.sha256(plain.read_bytes()).hexdigest() + "\n", encoding="ascii")
    assert verify(4, plain)[0] == 0, "a checksum file proves its content"
    plain.write_bytes(plain.read_bytes()[:-700])
    assert verify(0, plain)[0] == 2
    answer = subprocess.run([PROGRAM, "verify", "--format=json", "--level=4", packed], check=False, capture_output=True, text=True)
    assert [entry["outcome"] for entry in json.loads(answer.stdout)] == ["unjudged"]


CONTENT_RULES = built_in("TablesVanished", "CompressionLost")


def as_the_newest(drwatch, path, content):
    """Writes an artefact of a size of its own and waits until it is judged; verified within the same run."""
    newer(path, content)
    wait_until(lambda: drwatch.value('backup_last_size_bytes{backup="nightly"}') == len(content), what=f"{path.name} judged")
    wait_until(lambda: drwatch.value('backup_verification_success{backup="nightly"}') == 1, what=f"{path.name} verified")


@pytest.mark.parametrize("options", [["-Fc"], ["-Ft"], ["-Fp"]])
def test_a_table_that_vanished(folder, drwatch, receivers, options):
    (folder / "backup").mkdir()
    server = Postgres(folder / "postgres").create().start()
    try:
        server.sql("CREATE TABLE orders AS SELECT g FROM generate_series(1, 1000) g; CREATE TABLE users AS TABLE orders;"
                   "CREATE SCHEMA log; CREATE TABLE log.events AS TABLE orders")

        def dump(*more):
            command = [f"{PG_BIN}/pg_dump", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", *options, *more]
            return subprocess.run(command, check=True, capture_output=True).stdout
        drwatch.start(config(folder, receivers, [dump_probe(folder / "backup")], rules=CONTENT_RULES))
        as_the_newest(drwatch, folder / "backup/shop-1.dump", dump())
        assert drwatch.value('backup_tables{backup="nightly"}') == 3
        as_the_newest(drwatch, folder / "backup/shop-2.dump", dump("--exclude-table=users", "--exclude-table-data=log.events"))
        page = expect_page(receivers, "TablesVanished", wait_until)
        assert drwatch.value('backup_tables_vanished{backup="nightly"}') == 2
        assert success(drwatch) == 1, "the dump itself is good"
        assert drwatch.value('backup_kept{kind="dump"}') == 2
        assert "log.events" in drwatch.get("/")[1], "the status page names them"
        server.sql("CREATE TABLE more AS TABLE orders")
        as_the_newest(drwatch, folder / "backup/shop-3.dump", dump())
        expect_resolve(receivers, page, wait_until)
        # Nothing is left of any.
        as_the_newest(drwatch, folder / "backup/shop-4.dump", dump("--schema-only"))
        wait_until(lambda: drwatch.value('backup_tables_vanished{backup="nightly"}') == 4, what="all vanished")
        assert drwatch.value('backup_tables{backup="nightly"}') == 0
        drwatch.stop()
        drwatch.start()
        wait_until(lambda: drwatch.value('backup_tables_vanished{backup="nightly"}') == 4, what="all vanished, as before")
    finally:
        server.stop()


def test_data_that_stopped_compressing(folder, drwatch, receivers):
    (folder / "backup").mkdir()
    drwatch.start(config(folder, receivers, [dump_probe(folder / "backup", size_deviation=0, size_deviation_floor="1KiB")],
                         rules=CONTENT_RULES))
    for i in range(5):
        text = "".join(f"{n} a row of a table\n" for n in range(20000 + 500 * i)).encode()
        as_the_newest(drwatch, folder / f"backup/shop-{i}.dump", gzip.compress(text))
    assert drwatch.value('backup_usual_compression_ratio{backup="nightly"}') > 4
    assert drwatch.value('backup_check_success{check="compression"}') == 1
    as_the_newest(drwatch, folder / "backup/shop-5.dump", gzip.compress(os.urandom(500_000)))
    page = expect_page(receivers, "CompressionLost", wait_until)
    assert drwatch.value('backup_compression_ratio{backup="nightly"}') < 1.01
    as_the_newest(drwatch, folder / "backup/shop-6.dump", gzip.compress(text * 2))
    expect_resolve(receivers, page, wait_until)
