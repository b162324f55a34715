"""Folders of files that people keep: what is no backup by its name is not called a broken one."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from configs import built_in, config, expect_page, expect_resolve
from drwatch import PROGRAM
from servers import PG_BIN, ROOT, Postgres, wait_until


def verify(path):
    answer = subprocess.run([PROGRAM, "verify", "--format=json", path], check=False, capture_output=True, text=True)
    return answer.returncode, json.loads(answer.stdout)[0]


def copy_data(server, folder):
    shutil.copytree(server.data, folder, symlinks=True)
    return folder


def is_zeros(path):
    content = path.read_bytes()
    return content and not content.strip(b"\0")


def test_copies_of_a_data_folder(folder, drwatch, receivers):
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    today = time.strftime("%Y-%m-%d", time.gmtime())
    server = Postgres(folder / "postgres").create().start()
    try:
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 2000) g; CHECKPOINT")
        server.stop()
        cold = copy_data(server, folder / f"copies/{today}/pgdata")
        server.start()
        server.sql("INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 2000) g")
        server.send_all(signal.SIGKILL)
        server.stop()
        snapshot = copy_data(server, folder / "snapshot")
    finally:
        server.stop()
    assert any(is_zeros(path) for path in cold.rglob("*") if path.is_file()), "what looks like a crash's work"
    code, verdict = verify(folder / "copies")
    assert (code, verdict["level"], verdict["place"]) == (3, 1, f"{today}/pgdata"), verdict
    assert verdict["details"] == ["its server was stopped before it was copied"]
    code, verdict = verify(snapshot)
    assert code == 3 and "was not stopped" in verdict["message"], verdict
    for packed in "cf", "czf":
        subprocess.run(["tar", "-C", folder, f"-{packed}", folder / "cold.tar", f"copies/{today}/pgdata"], check=True)
        subprocess.run(["tar", "-C", folder, f"-{packed}", folder / "snapshot.tar", "snapshot"], check=True)
        code, verdict = verify(folder / "cold.tar")
        assert code == 0 and verdict["details"][0] == "its server was stopped before it was copied", verdict
        code, verdict = verify(folder / "snapshot.tar")
        assert (code, verdict["level"]) == (3, 1) and verdict["message"].startswith("in snapshot/: its server was not stopped"), verdict
    for name in "pgdata", "snapshot":
        shutil.make_archive(folder / name, "zip", cold.parent if name == "pgdata" else folder, name)
    code, verdict = verify(folder / "pgdata.zip")
    assert code == 0 and "its server was stopped before it was copied" in verdict["details"], verdict
    code, verdict = verify(folder / "snapshot.zip")
    assert (code, verdict["level"]) == (3, 1) and verdict["message"].startswith("in snapshot/: its server was not stopped"), verdict
    drwatch.start(config(folder, receivers, [{"name": "cold", "type": "backup", "service": "shop", "path": str(folder / "copies"),
                                              "recursive": True, "max_age": "26h", "quiet_time": "200ms"}]))
    wait_until(lambda: drwatch.value('backup_success{backup="cold",location="primary"}') == 1, what="the copy is a backup")

    control = cold / "global/pg_control"
    good = control.read_bytes()
    control.write_bytes(good[:60] + bytes([good[60] ^ 1]) + good[61:])
    code, verdict = verify(cold)
    assert code == 2 and verdict["place"].startswith("global/pg_control"), verdict
    control.write_bytes(good)
    for segment in (cold / "pg_wal").glob("0*"):
        segment.write_bytes(segment.read_bytes()[:-8192])
    assert verify(cold)[0] == 2, "no server starts without the WAL of its last checkpoint"


def test_an_answer_that_cannot_be_written_is_no_success(folder):
    settings = folder / "settings.json"
    settings.write_text("{}")
    os.utime(settings, (time.time() - 3600,) * 2)

    def ask(output, *arguments):
        return subprocess.run([PROGRAM, *arguments], check=False, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60)

    for arguments in ["verify", settings], ["verify", "--format=json", settings], ["--once", settings]:
        with open("/dev/full", "wb") as full:
            answer = ask(full, *arguments)
        assert answer.returncode == 3 and "standard output" in answer.stderr, f"{arguments}: {answer}"
        reader, writer = os.pipe()
        os.close(reader)
        answer = ask(writer, *arguments)
        os.close(writer)
        assert (answer.returncode, answer.stderr) == (0, ""), "nobody wanted to read on"
    answer = ask(subprocess.PIPE, "--once", settings, "--output.file=/dev/stdout")
    assert answer.returncode == 0 and "settings.json" in answer.stdout, answer


def test_once_on_a_file_of_1970_whose_name_looks_like_a_pattern(folder):
    odd = folder / "shop [1].json"
    odd.write_text("{}")
    os.utime(odd, (0, 0))
    (folder / "shop 1.json").write_text("{")
    answer = subprocess.run([PROGRAM, "--once", odd, "--format=json"], check=False, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer
    assert json.loads(answer.stdout)["results"][0]["latest_good"]["name"] == odd.name


def test_once_looks_into_folders_named_by_dates(folder):
    def once():
        answer = subprocess.run([PROGRAM, "--once", folder, "--format=json"], check=False, capture_output=True, text=True, timeout=60)
        return answer.returncode, json.loads(answer.stdout)["results"][0]

    for day in 1, 2:
        path = folder / time.strftime("%Y-%m-%d", time.gmtime(time.time() - day * 86400)) / "shop.json"
        path.parent.mkdir()
        path.write_text("{}")
        os.utime(path, (time.time() - day * 86400,) * 2)
    code, result = once()
    assert code == 0 and result["latest_good"]["name"].endswith("/shop.json"), result
    (folder / "wal").mkdir()
    code, result = once()
    assert code == 2 and "3 folders that were not looked into" in json.dumps(result), "not all of them are of one backup"
    assert "recursive: true" in json.dumps(result).replace('\\"', '"'), result


def test_copy_of_a_standby_has_the_manifest_it_was_made_with(folder, drwatch, receivers):
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    primary = Postgres(folder / "primary").create().start()
    standby = Postgres(folder / "standby")
    try:
        standby.make_standby_of(primary).start()
        primary.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 2000) g; CHECKPOINT")
        at = primary.sql("SELECT pg_current_wal_lsn()")
        wait_until(lambda: standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{at}'") == "t", what="replay")
        standby.stop()
        copy = copy_data(standby, folder / "copies/standby")
        standby.start()
        standby.sql("SELECT pg_promote()")
        standby.stop()
        promoted = copy_data(standby, folder / "promoted")
    finally:
        standby.stop()
        primary.stop()
    assert (copy / "backup_manifest").exists() and not (copy / "backup_label").exists()
    for path in (copy, promoted):
        code, verdict = verify(path)
        assert code == 3 and "was started in it" in verdict["message"], verdict
        assert verdict["details"] == ["its server was stopped before it was copied"]
    drwatch.start(config(folder, receivers, [{"name": "cold", "type": "backup", "service": "shop", "path": str(folder / "copies"),
                                              "max_age": "26h", "quiet_time": "200ms"}]))
    wait_until(lambda: drwatch.value('backup_success{backup="cold",location="primary"}') == 1, what="the copy is a backup")


def test_configuration_and_a_web_site(folder):
    for name, text in {"web/index.php": "<!DOCTYPE html><html><?php page() ?></html>", "web/empty.json": "",
                       "locales/de.yml": "error: Fehler\n", "templates/app.yml": "{% if tls %}\nport: 443\n{% endif %}\n",
                       "log/postgresql.log": "FATAL:  the database system is starting up\n"}.items():
        path = folder / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    code, verdict = verify(folder / "tree")
    assert (code, verdict["outcome"]) == (3, "unjudged"), verdict
    # The list of sha256sum proves all of it.
    subprocess.run("find . -type f ! -name SHA256SUMS -exec sha256sum {} + > SHA256SUMS", shell=True, check=True, cwd=folder / "tree")
    code, verdict = verify(folder / "tree")
    assert (code, verdict["level"]) == (0, 2), verdict
    (folder / "tree/web/shop.dump").write_text("<!DOCTYPE html><html>Not found</html>", encoding="utf-8")
    code, verdict = verify(folder / "tree")
    assert (code, verdict["place"]) == (2, "web/shop.dump: byte 0"), verdict


def test_a_dump_into_a_folder_that_is_killed(folder, drwatch, receivers):
    for path in [folder, *folder.parents[:2]]:
        path.chmod(0o755)
    server = Postgres(folder / "postgres").create().start()
    backup = folder / "backup"
    backup.mkdir()

    def dump(name):
        return subprocess.Popen([f"{PG_BIN}/pg_dump", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-Fd", "-f", backup / name])
    try:
        server.sql("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 400000) g")
        killed = dump("shop-1")
        wait_until(lambda: list(backup.glob("shop-1/*.dat.gz")), what="data")
        killed.kill()
        killed.wait()
        # A dump that stands still may go on for twenty times the quiet time.
        spec = {"name": "nightly", "type": "backup", "service": "shop", "path": str(backup), "pattern": "shop-*", "max_age": "26h", "quiet_time": "100ms"}
        drwatch.start(config(folder, receivers, [spec], rules=built_in("BackupFailed"), extra="builtin_rules: false"))
        page = wait_until(lambda: [p for p in receivers.pages("trigger", "BackupFailed") if drwatch.value('probe_failure_info{reason="incomplete"}')],
                          what="page for a dump that is not whole")[0]
        assert verify(backup / "shop-1")[0] == 2
        assert dump("shop-2").wait() == 0
        expect_resolve(receivers, page, wait_until)
        # Copied by name, and cut off before the last one.
        (folder / "copy").mkdir()
        shutil.copytree(backup / "shop-2", folder / "copy/shop-2", ignore=shutil.ignore_patterns("toc.dat"))
        code, verdict = verify(folder / "copy/shop-2")
        assert code == 2 and verdict["place"] == "toc.dat", verdict
    finally:
        server.stop()


COPY = {
    "rsync -a --link-dest": lambda source, to, before: ["rsync", "-a", f"--link-dest={before}", f"{source}/", to],
    "rsync -a": lambda source, to, before: ["rsync", "-a", f"{source}/", to],
    "rsync -r": lambda source, to, before: ["rsync", "-r", f"{source}/", to],
    "cp -al": lambda source, to, before: ["cp", "-al", before, to],
    "cp -r": lambda source, to, before: ["cp", "-r", source, to],
}


@pytest.mark.parametrize("how", COPY)
def test_an_unchanged_tree_that_is_copied_anew_is_new(folder, drwatch, receivers, how):
    """Nothing in it changed for months: what its files say is no age of a backup."""
    source = folder / "uploads"
    (source / "2026").mkdir(parents=True)
    (source / "2026/photo.bin").write_bytes(bytes(range(256)))
    (source / "readme").write_text("of no use\n", encoding="utf-8")
    months_ago = time.time() - 200 * 86400
    for path in [*source.rglob("*"), source]:
        os.utime(path, (months_ago, months_ago))
    (folder / "backup").mkdir()
    before, after = folder / "backup/tree-a", folder / "backup/tree-b"
    subprocess.run(["rsync", "-a", f"{source}/", before], check=True)
    spec = {"name": "uploads", "type": "backup", "kind": "files", "service": "shop", "path": str(folder / "backup"), "pattern": "tree-*",
            "max_age": "1h", "quiet_time": "200ms"}
    time.sleep(0.3)  # a tree that is younger than its quiet time is still being copied: nobody's backup yet
    drwatch.start(config(folder, receivers, [spec]))
    wait_until(lambda: drwatch.value("backup_success") == 1, timeout=4, what="a new tree of old files is new")
    copied = time.time()
    subprocess.run([str(part) for part in COPY[how](source, after, before)], check=True)
    wait_until(lambda: drwatch.value("backup_last_success_timestamp_seconds") >= copied - 0.1, what="what was copied anew is the newest")


@pytest.mark.parametrize("packed", ["", "-z", "--format=posix", "--format=posix -z"])
def test_an_increment_of_a_dump_folder_holds_what_has_changed(folder, packed):
    """`tar -g` every night: of a dump whose tables have not changed only the table of contents is new."""
    dump = folder / "dump"
    shutil.copytree(ROOT / "tests/testdata/verify/folder", dump, copy_function=shutil.copyfile)
    verdicts = []
    for number in range(2):
        archive = folder / f"{number}.tar"
        subprocess.run(["tar", "-c", *packed.split(), "-g", folder / "seen", "-f", archive, "-C", folder, "dump"], check=True, capture_output=True)
        verdicts.append(verify(archive))
        changed = dump / "toc.dat"
        changed.write_bytes(changed.read_bytes())
        os.utime(changed, (time.time() + 10, time.time() + 10))
    (full, all_of_it), (code, increment) = verdicts
    assert (full, all_of_it["level"]) == (0, 4) and not any("an increment" in detail for detail in all_of_it["details"])
    assert code == 0 and increment["level"] >= 3 and any("an increment" in detail for detail in increment["details"]), increment
