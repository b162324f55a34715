"""Makes intact backups with the programs people make them with: pg_dump, pg_basebackup, redis-server, gzip, tar ...

Everything comes from one seeded world: the same seed gives the same rows, keys and files.
"""

import dataclasses
import gzip
import hashlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))

from servers import PG_BIN, Postgres, Redis, wait_until  # noqa: E402


@dataclasses.dataclass
class Artefact:
    """One intact backup. `level` is what a proof of it is worth (docs/verification.md)."""

    name: str
    path: pathlib.Path
    level: int
    kind: str  # what decides which damages can be seen: see damage.py
    tools: list = dataclasses.field(default_factory=list)  # (name, command) with {} for the path

    @property
    def folder(self):
        return self.path.is_dir()


def run(command, **options):
    return subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL,
                          stdout=options.pop("stdout", subprocess.DEVNULL), stderr=subprocess.PIPE, **options)


LIST = ("pg_restore --list", [f"{PG_BIN}/pg_restore", "--list", "{}"])
RESTORE = ("pg_restore -f /dev/null", [f"{PG_BIN}/pg_restore", "-f", "/dev/null", "{}"])
VERIFY_BACKUP = ("pg_verifybackup", [f"{PG_BIN}/pg_verifybackup", "-q", "{}"])
TAR = ("tar -t", ["tar", "-tf", "{}"])
CHECK_RDB = ("redis-check-rdb", ["redis-check-rdb", "{}"])
CHECK_AOF = ("redis-check-aof", ["redis-check-aof", "{}"])
SHA256SUM = ("sha256sum -c", ["sh", "-c", "cd \"$(dirname '{}')\" && sha256sum --quiet -c \"$(basename '{}')\""])


def test_of(program):
    return (f"{program} -t", [program, "-t", "{}"] if program != "zstd" else [program, "-q", "-t", "{}"])


class Maker:
    """Makes the artefacts of one world below `folder`."""

    def __init__(self, folder, seed):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.random = random.Random(seed)
        self.artefacts = []

    def add(self, name, path, level, kind, *tools):
        self.artefacts.append(Artefact(name, pathlib.Path(path), level, kind, list(tools)))

    def place(self, name):
        path = self.folder / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def make(self, *parts):
        for part in parts or ("dumps", "base_backups", "redis", "files"):
            getattr(self, part)()
        return self.artefacts

    # PostgreSQL

    def postgres(self):
        if hasattr(self, "server"):
            return self.server
        self.server = Postgres(self.folder / "pg").create(["archive_mode = off"]).start()
        self.server.sql(f"SELECT setseed({self.random.random() / 2})")
        self.server.sql("""
CREATE TABLE orders AS SELECT g AS id, md5(g::text || '%s') AS token FROM generate_series(1, 3000) g;
CREATE TABLE notes AS SELECT g AS id, 'it''s $tag$ -- "' || repeat(md5(g::text), 3) AS text FROM generate_series(1, 300) g;
CREATE TABLE nothing (x int);
CREATE INDEX ON orders (token);
CREATE FUNCTION decoy() RETURNS text LANGUAGE sql AS 'SELECT ''COPY x FROM stdin;''';
SELECT lo_from_bytea(0, convert_to(repeat('large object ', 300), 'UTF8'))""" % self.random.random())
        return self.server

    def pg(self, program, *options, **keywords):
        server = self.postgres()
        return run([f"{PG_BIN}/{program}", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", *options], **keywords)

    def dumps(self):
        for name, options, level, kind in (
                ("custom.dump", ["-Fc"], 4, "custom"), ("custom-z0.dump", ["-Fc", "-Z0"], 3, "custom-raw"),
                ("folder.dump", ["-Fd"], 4, "dump-folder"), ("folder-z0.dump", ["-Fd", "-Z0"], 3, "dump-folder-raw"),
                ("tar.dump", ["-Ft"], 3, "dump-tar")):
            self.pg("pg_dump", *options, "-f", self.place(name))
            self.add(f"pg_dump {' '.join(options)}", self.place(name), level, kind, LIST, RESTORE)
        for name, options, kind in (("folder.tar", [], "dump-folder-tar"), ("folder.tgz", ["-z"], "packed")):
            run(["tar", *options, "-cf", self.place(name), "-C", self.place(name).parent, "folder.dump"])
            self.add(f"pg_dump -Fd, {name}", self.place(name), 4, kind, TAR)
        with open(self.place("piped.dump"), "wb") as output:
            self.pg("pg_dump", "-Fc", stdout=output)
        self.add("pg_dump -Fc to a pipe", self.place("piped.dump"), 4, "custom", LIST, RESTORE)
        self.pg("pg_dump", "-f", self.place("plain.sql"))
        self.add("pg_dump plain", self.place("plain.sql"), 3, "sql")
        self.pg("pg_dumpall", "-f", self.place("all.sql"))
        self.add("pg_dumpall", self.place("all.sql"), 3, "sql")
        for program, suffix in (("gzip", "gz"), ("zstd", "zst"), ("xz", "xz"), ("bzip2", "bz2"), ("lz4", "lz4")):
            self.pack(program, self.place("plain.sql"), self.place(f"plain.sql.{suffix}"))
            self.add(f"pg_dump plain, {program}", self.place(f"plain.sql.{suffix}"), 4, "packed", test_of(program))
        for name, level, kind, program, options in (
                ("pzstd.sql.zst", 4, "packed-pzstd", "pzstd", ["-q"]),
                ("legacy.sql.lz4", 3, "packed-unchecked", "lz4", ["-q", "-l"])):
            with open(self.place(name), "wb") as output:
                run([program, *options, "-c", self.place("plain.sql")], stdout=output)
            self.add(f"pg_dump plain, {' '.join([program, *options[1:]])}", self.place(name), level, kind,
                     test_of("zstd" if program == "pzstd" else program))
        shutil.copy(self.place("custom-z0.dump"), self.place("listed/listed.dump"))
        digest = hashlib.sha256(self.place("listed/listed.dump").read_bytes()).hexdigest()
        self.place("listed/SHA256SUMS").write_text(f"{digest}  listed.dump\n", encoding="ascii")
        self.add("pg_dump -Fc -Z0 with SHA256SUMS", self.place("listed"), 4, "listed", SHA256SUM)

    @staticmethod
    def pack(program, source, target):
        options = ["-q"] if program in ("zstd", "lz4") else []
        with open(target, "wb") as output:
            run([program, *options, "-c", source], stdout=output)

    def base_backups(self):
        for name, options, kind in (
                ("base-plain", ["-Fp"], "base-plain"), ("base-sha256", ["-Fp", "--manifest-checksums=SHA256"], "base-plain"),
                ("base-tar", ["-Ft"], "base-tar"), ("base-tar-gzip", ["-Ft", "--compress=client-gzip:1"], "base-packed"),
                ("base-tar-zstd", ["-Ft", "--compress=client-zstd"], "base-packed-unchecked"),
                ("base-tar-lz4", ["-Ft", "--compress=client-lz4"], "base-packed-unchecked")):
            path = self.place(name)
            self.pg("pg_basebackup", "-D", path, "-X", "stream", "--checkpoint=fast", "--no-sync", *options)
            tools = [VERIFY_BACKUP] if kind == "base-plain" else []
            self.add(f"pg_basebackup {' '.join(options)}", path, 4, kind, *tools)
        self.base_backup_files()

    def base_backup_files(self):
        with open(self.place("base-one.tar"), "wb") as output:
            self.pg("pg_basebackup", "-D", "-", "-Ft", "-X", "fetch", "--checkpoint=fast", stdout=output)
        self.add("pg_basebackup -Ft to a pipe", self.place("base-one.tar"), 4, "base-one", TAR)
        for name, options, folder, kind in (("base-plain.tgz", ["-z"], "base-plain", "packed"), ("base-tar.tar", [], "base-tar", "base-one")):
            run(["tar", *options, "-cf", self.place(name), "-C", self.place(folder).parent, folder])
            self.add(f"pg_basebackup, {name} of its folder", self.place(name), 4, kind, TAR)

    # Redis

    def fill(self, redis):
        def noise(size):
            return self.random.randbytes(size).hex()

        lines = [f"SET session:{i} {noise(40)}" for i in range(200)]
        for i in range(20):
            lines += [f"HSET user:{i} name {noise(8)} visits {i}",
                      f"RPUSH queue:{i} " + " ".join(str(i * n) for n in range(30)),
                      f"ZADD top:{i} " + " ".join(f"{n} {noise(4)}" for n in range(20)),
                      f"XADD events * user {i} data {noise(20)}"]
        lines += ['SET page "' + "a text that packs well, " * 200 + '"', "SADD big " + " ".join(noise(6) for _ in range(600))]
        subprocess.run(["redis-cli", "-p", str(redis.port)], check=True, input="\n".join(lines) + "\n", text=True,
                       stdout=subprocess.DEVNULL)

    def redis(self):
        server = Redis(self.folder / "redis").start("--appendonly", "yes")
        try:
            self.fill(server)
            server.command("SAVE")
            shutil.copy(server.folder / "dump.rdb", self.place("dump.rdb"))
            server.command("BGREWRITEAOF")
            wait_until(lambda: "aof_rewrite_in_progress:0" in server.command("INFO", "persistence")
                       and "aof_rewrite_scheduled:0" in server.command("INFO", "persistence"), what="AOF rewrite")
            self.fill(server)
            time.sleep(1.1)  # appendfsync everysec
        finally:
            server.stop()
        shutil.copytree(server.folder / "appendonlydir", self.place("appendonlydir"))
        self.add("Redis RDB", self.place("dump.rdb"), 4, "rdb", CHECK_RDB)
        self.add("Redis 7 AOF folder", self.place("appendonlydir"), 3, "aof-folder",
                 ("redis-check-aof", ["redis-check-aof", "{}/appendonly.aof.manifest"]))
        appended = sorted(self.place("appendonlydir").glob("*.incr.aof"))[-1]
        shutil.copy(appended, self.place("appendonly.aof"))
        self.add("Redis AOF, one file", self.place("appendonly.aof"), 3, "aof", CHECK_AOF)
        unchecked = Redis(self.folder / "redis-unchecked").start("--rdbchecksum", "no")
        try:
            self.fill(unchecked)
            unchecked.command("SAVE")
        finally:
            unchecked.stop()
        shutil.copy(unchecked.folder / "dump.rdb", self.place("unchecked.rdb"))
        self.add("Redis RDB, rdbchecksum no", self.place("unchecked.rdb"), 3, "rdb-unchecked", CHECK_RDB)

    # Files

    def files(self):
        tree = self.place("tree")
        for i in range(12):
            path = tree / f"part{i % 3}" / f"file-{i}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.random.randbytes(2000 * (i + 1)))
        self.tree_archives(tree)
        rows = [{"id": i, "name": self.random.randbytes(8).hex(), "tags": ["a", i, None]} for i in range(400)]
        self.place("state.json").write_text(json.dumps({"rows": rows}, indent=1), encoding="ascii")
        self.add("JSON file", self.place("state.json"), 3, "json", ("python3 -m json.tool", [
            "/usr/bin/python3", "-m", "json.tool", "{}", "/dev/null"]))
        members = [gzip.compress(self.random.randbytes(9000), mtime=0) for _ in range(3)]
        self.place("members.bin.gz").write_bytes(b"".join(members))
        self.add("gzip, three members", self.place("members.bin.gz"), 3, "packed-members", test_of("gzip"))
        lists = self.place("listed-files")
        shutil.copytree(tree, lists)
        names = sorted(path.relative_to(lists).as_posix() for path in lists.rglob("*.bin"))
        with open(lists / "SHA256SUMS", "wb") as output:
            run(["sha256sum", *names], cwd=lists, stdout=output)
        self.add("files with SHA256SUMS", lists, 2, "listed", SHA256SUM)

    def tree_archives(self, tree):
        for suffix, options in (("tar", []), ("v7.tar", ["--format=v7"]), ("tar.gz", ["-z"]), ("tar.zst", ["--zstd"]),
                                ("tar.xz", ["-J"])):
            path = self.place(f"tree.{suffix}")
            run(["tar", *options, "--sort=name", "-cf", path, "-C", tree.parent, tree.name])
            packed = not suffix.endswith("tar")
            self.add(f"tar {suffix}", path, 4 if packed else 3, "packed" if packed else "tar", TAR)

    def close(self):
        if hasattr(self, "server"):
            self.server.stop()


def main():
    maker = Maker(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    try:
        for artefact in maker.make():
            size = sum(path.stat().st_size for path in artefact.path.rglob("*") if path.is_file()) or os.path.getsize(artefact.path)
            print(f"{artefact.name}: {artefact.path} ({size} bytes)")
    finally:
        maker.close()


if __name__ == "__main__":
    main()
