"""Backups that others than PostgreSQL leave: zip and tar archives, mongodump's archives, repositories of restic and Borg; each to a page and back."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile
import time
import zipfile

import mongodump
import pytest
from configs import expect_page, expect_resolve
from servers import wait_until
from test_backup_doubt import HOUR, backup, fails_for, is_good, probe, start, write  # noqa: F401 (fixture)


def zipped(night):
    """An application's files of that night."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app/settings.yml", f"night: {night}\n")
        archive.writestr("app/logo.svg", f"<svg id='{night}'/>", zipfile.ZIP_STORED)
        for number in range(20):
            archive.writestr(f"app/uploads/{number}.txt", "".join(f"{number} {line * night}\n" for line in range(500)))
    return packed.getvalue()


def dumped(night):
    """What `mongodump --archive --gzip` would have written that night."""
    orders = [{"_id": number, "customer": f"c{number * night}", "paid": number % 3 == 0} for number in range(400)]
    users = [{"_id": number, "name": f"user {number}"} for number in range(100)]
    return gzip.compress(mongodump.archive("shop", {"orders": orders, "users": users, "carts": []}))


def tarred(night, cut=0):
    """An application's files and its database of that night, of whose dump `cut` bytes are missing."""
    rows = "".join(f"{number}\t{number * night}\n" for number in range(5000))
    dump = ("--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.orders (\n    id integer,\n    total integer\n);\n\n"
            f"COPY public.orders (id, total) FROM stdin;\n{rows}\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n").encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in [("uploads/logo.svg", f"<svg id='{night}'/>".encode()),
                              ("db/database.sql.gz", gzip.compress(dump[:len(dump) - cut]))]:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), int(time.time())
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def unpacked_and_cut(content):
    """Cut before it was packed, so that gzip has nothing against it."""
    return gzip.compress(gzip.decompress(content)[:-300])


def flipped(content):
    return content[:len(content) // 2] + bytes([content[len(content) // 2] ^ 4]) + content[len(content) // 2 + 1:]


def changed(content, letters=b"<svg"):
    """One letter: of a file that is not packed only its CRC-32 knows."""
    assert letters in content
    return content.replace(letters, letters[:-1] + b"?", 1)


def changed_and_packed(content):
    """A letter of a document, before gzip: only the CRC-64 of its collection knows."""
    return gzip.compress(changed(gzip.decompress(content), b"user 7"))


@pytest.mark.parametrize("make, damage, reason", [
    (zipped, lambda content: content[:len(content) // 2], "incomplete"), (zipped, lambda content: content[:-30], "incomplete"),
    (zipped, flipped, "corrupt"), (zipped, changed, "corrupt"), (dumped, lambda content: content[:-500], "incomplete"),
    (tarred, lambda content: tarred(2, cut=20_000), "incomplete"),
    (dumped, unpacked_and_cut, "incomplete"), (dumped, flipped, "corrupt"), (dumped, changed_and_packed, "corrupt")],
    ids=["zip half", "zip without its end", "zip flipped", "zip changed", "mongodump cut", "dump cut in a tar", "mongodump cut inside", "mongodump flipped",
         "mongodump changed"])
def test_a_damaged_night(folder, drwatch, receivers, backup, make, damage, reason):  # noqa: F811
    name = {zipped: "app-{}.zip", tarred: "app-{}.tgz", dumped: "shop-{}.archive.gz"}[make].format
    write(backup / name(1), make(1), 4 * HOUR)
    start(folder, drwatch, receivers, [probe(backup)], "BackupCorrupt")
    is_good(drwatch)
    assert drwatch.value("backup_verification_level") == 4
    assert not receivers.pages()
    write(backup / name(2), damage(make(2)), 3 * HOUR)
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    assert page.body["payload"]["severity"] == "critical"
    wait_until(lambda: fails_for(drwatch, reason), what="the reason")
    write(backup / name(3), make(3), 2 * HOUR)
    expect_resolve(receivers, page, wait_until)
    is_good(drwatch)


class Restic:
    """A repository of the real program."""
    level = 2

    def __init__(self, folder):
        self.path, self.source = folder / "repository", folder / "source"
        self.source.mkdir()
        self.environment = {**os.environ, "RESTIC_REPOSITORY": str(self.path), "RESTIC_PASSWORD": "secret",
                            "RESTIC_CACHE_DIR": str(folder / "cache")}
        self.run("init")

    def run(self, *words):
        subprocess.run(["restic", "-q", *words], check=True, capture_output=True, env=self.environment, timeout=60)

    def backup(self):
        self.run("backup", str(self.source))

    def write_no_backup(self):
        self.run("rebuild-index", "--read-all-packs")

    def newest(self):
        return max((self.path / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime)


class Borg:
    """A repository of the real program."""
    level = 4

    def __init__(self, folder):
        self.path, self.source = folder / "repository", folder / "source"
        self.source.mkdir()
        self.environment = {**os.environ, "BORG_REPO": str(self.path), "BORG_PASSPHRASE": "secret", "BORG_BASE_DIR": str(folder / "borg")}
        self.run("init", "--encryption=repokey")

    def run(self, *words):
        subprocess.run(["borg", *words], check=True, capture_output=True, env=self.environment, timeout=60)

    def backup(self):
        self.run("create", "::{now:%H%M%S%f}", str(self.source))

    def write_no_backup(self):
        """Nothing that tidies up: that writes segments, as a backup does."""
        self.run("config", str(self.path), "additional_free_space", "1M")

    def newest(self):
        return max((path for path in (self.path / "data").rglob("*") if path.is_file()), key=lambda path: int(path.name))


def turn_back(path, seconds):
    """As if everything below had been written so long ago."""
    for file in path.rglob("*"):
        info = file.stat()
        os.utime(file, (info.st_atime - seconds, info.st_mtime - seconds))


@pytest.mark.parametrize("program", [pytest.param(one, marks=pytest.mark.skipif(not shutil.which(one.__name__.lower()), reason="not installed"))
                                     for one in (Restic, Borg)])
def test_a_repository_is_as_old_as_its_last_backup(folder, drwatch, receivers, program):
    repository = program(folder)
    (repository.source / "old.bin").write_bytes(os.urandom(100_000))
    repository.backup()
    turn_back(repository.path, 10 * HOUR)
    spec = probe(repository.path, verify={"every": "2s"})
    start(folder, drwatch, receivers, [spec], "BackupFailed", "BackupCorrupt")
    wait_until(lambda: drwatch.value("backup_verification_level") == repository.level, what="it was read")
    assert drwatch.value("backup_success") == 1 and drwatch.value("backup_stored_backups") == 1
    assert abs(drwatch.value("backup_age_seconds") - 10 * HOUR) < 120
    assert not receivers.pages()
    turn_back(repository.path, 20 * HOUR)
    page = expect_page(receivers, "BackupFailed", wait_until)
    wait_until(lambda: fails_for(drwatch, "stale"), what="no backup for 30 hours")
    repository.write_no_backup()
    time.sleep(1)
    assert drwatch.value("backup_success") == 0 and not receivers.pages("resolve"), "that was no backup"
    (repository.source / "new.bin").write_bytes(os.urandom(1000))
    repository.backup()
    expect_resolve(receivers, page, wait_until)
    assert not receivers.pages(alertname="BackupCorrupt")

    victim = repository.newest()
    content = victim.read_bytes()
    victim.write_bytes(flipped(content))
    turn_back(repository.path, 60)  # nobody is writing
    page = expect_page(receivers, "BackupCorrupt", wait_until)
    victim.write_bytes(content)
    expect_resolve(receivers, page, wait_until)
