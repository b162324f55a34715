"""Verification against the tools people verify with: megabytes a CPU second from the page cache, all in one run, and what
drwatch needs several cores for. Writes its section of bench/README.md."""

import hashlib
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from bench_support import ROOT, machine, write_section

from pgbackrest import PgBackRest, serve, server_with  # noqa: E402
from servers import PG_BIN, Postgres  # noqa: E402

PROGRAM = ROOT / "build/release/exporter/drwatch"
SIZE = 1 << 30
PERIOD = 32 << 20
# A server cuts its tables into files of a gigabyte each: a database of several has several large ones. Here they are smaller.
TABLES = 6
ROUNDS = 3


def text_like_a_dump(path, size):
    """Rows with the entropy of a real table: numbers, words, hashes. They repeat, but further apart than packers look."""
    generator = random.Random(1)
    words = [hashlib.md5(str(i).encode()).hexdigest()[:generator.randrange(3, 12)] for i in range(5000)]
    with open(path, "wb") as file:
        number = 0
        blocks = []
        while sum(map(len, blocks)) < PERIOD:
            rows = []
            for _ in range(20000):
                number += 1
                rows.append(f"{number}\t{generator.choice(words)} {generator.choice(words)} {generator.choice(words)}\t"
                            f"{generator.getrandbits(64):x}\t2026-01-{number % 28 + 1:02} 12:{number % 60:02}:00\n")
            blocks.append("".join(rows).encode())
        while file.tell() < size:
            file.writelines(blocks)


def cpu_seconds(command, cwd=None):
    """User and system seconds of the quickest of some runs; each must end well."""
    best = None
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=cwd)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = used if best is None else min(best, used)
    return best


def into(path, command):
    with open(path, "wb") as output:
        subprocess.run([str(part) for part in command], check=True, stdout=output)
    return path


class Table:
    def __init__(self):
        self.rows = []
        self.missed = []

    def compare(self, what, size, ours, theirs, name, target):
        own, other = cpu_seconds(*ours), cpu_seconds(*theirs)
        ratio = other / own
        rate = size / (1 << 20)
        self.rows.append(f"| {what} | {rate / own:.0f} MiB/s | {name} | {rate / other:.0f} MiB/s | {ratio:.1f}x | {target}x |")
        print(self.rows[-1], flush=True)
        if ratio < target:
            self.missed.append(what)

    def text(self):
        head = ("| what is proven | drwatch | the other | the other's | quicker | wanted |\n|---|---|---|---|---|---|\n")
        return head + "\n".join(self.rows)


def verify(path):
    return ([PROGRAM, "verify", path],)


def fill(server, rows):
    """So many rows in all."""
    for number in range(TABLES):
        server.sql(f"CREATE TABLE big_{number} AS SELECT g AS id, md5(g::text) || md5((g + 1)::text) AS text "
                   f"FROM generate_series(1, {rows // TABLES}) g")


def listed_apart(table, folder):
    """A list of several files, none of them packed."""
    paths = [folder / f"rows.{number}" for number in range(TABLES)]
    for path in paths:
        text_like_a_dump(path, SIZE // TABLES)
    size = sum(path.stat().st_size for path in paths)
    listed = into(folder / "SHA256SUMS", ["sha256sum", *paths])
    table.compare(f"SHA-256 list of {TABLES} files", size, verify(listed), (["sha256sum", "--quiet", "-c", listed],),
                  "`sha256sum -c`", 3.3)
    for path in folder.iterdir():
        path.unlink()


def packed_and_listed(table, folder):
    plain = folder / "rows.txt"
    text_like_a_dump(plain, SIZE)
    size = plain.stat().st_size
    packed = into(folder / "rows.txt.gz", ["gzip", "-c", plain])
    table.compare("gzip", size, verify(packed), (["gzip", "-t", packed],), "`gzip -t`", 5)
    packed = into(folder / "rows.txt.zst", ["zstd", "-q", "-c", plain])
    table.compare("zstd", size, verify(packed), (["zstd", "-q", "-t", packed],), "`zstd -t`", 1)
    into(folder / "SHA256SUMS", ["sha256sum", plain])
    listed = folder / "SHA256SUMS"
    table.compare("SHA-256 list", size, verify(listed), (["sha256sum", "--quiet", "-c", listed],), "`sha256sum -c`", 3.3)
    table.compare("SHA-256 list", size, verify(listed), (["openssl", "dgst", "-sha256", plain],), "`openssl dgst -sha256`", 0.95)
    for path in folder.iterdir():
        path.unlink()


def base_backups(table, folder):
    server = Postgres(folder / "base").create(["archive_mode = off", "max_wal_size = '4GB'"]).start()
    try:
        fill(server, 10_000_000)
        for checksum, target in (("CRC32C", 2), ("SHA256", 0.95)):
            path = folder / checksum
            subprocess.run([f"{PG_BIN}/pg_basebackup", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-D", path,
                            "-X", "stream", "--checkpoint=fast", "--no-sync", f"--manifest-checksums={checksum}"], check=True)
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            # Without the WAL, which pg_waldump would be started for.
            table.compare(f"base backup, {checksum}", size, verify(path),
                          ([f"{PG_BIN}/pg_verifybackup", "-q", "-n", path],), "`pg_verifybackup -n`", target)
            shutil.rmtree(path)
    finally:
        server.stop()


# Short rows of numbers, dates and words: most of the time goes into their columns.
ORDERS = """CREATE TABLE orders AS SELECT g AS id, (random() * 100000)::int AS customer, now() - g * interval '37 seconds' AS created,
  (random() * 10000)::numeric(10, 2) AS total, (array['new', 'paid', 'shipped', 'cancelled'])[1 + g % 4] AS status,
  'Street ' || (random() * 5000)::int AS address, CASE WHEN g % 5 = 0 THEN 'please ring the bell twice' END AS note
  FROM generate_series(1, 2000000) g"""


def dumps(table, folder):
    """Real dumps in gzip: their rows are read as COPY reads them, which `gzip -t` does not do."""
    data = folder / "dumped"
    server = Postgres(data).create(["archive_mode = off", "max_wal_size = '4GB'"]).start()
    login = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres"]
    try:
        server.sql(ORDERS)
        subprocess.run([f"{PG_BIN}/pgbench", *login, "-i", "-q", "-s", "20", "postgres"], check=True, stderr=subprocess.DEVNULL)
        for what, tables in (("orders", "orders"), ("pgbench", "pgbench_*")):
            plain = into(folder / f"{what}.sql", [f"{PG_BIN}/pg_dump", *login, "-t", tables, "postgres"])
            size = plain.stat().st_size
            packed = into(folder / f"{what}.sql.gz", ["gzip", "-c", plain])
            plain.unlink()
            table.compare(f"pg_dump of {what}, gzip", size, verify(packed), (["gzip", "-t", packed],), "`gzip -t`", 5)
            packed.unlink()
    finally:
        server.stop()
        shutil.rmtree(data)


def repositories(table, folder):
    """A full and an incremental backup, and the WAL between: both programs read each stored file once."""
    server = server_with(folder / "pg")
    kinds = {"gz": {"compress-type": "gz"}, "gz, bundles": {"compress-type": "gz", "repo1-bundle": "y"},
             "lz4": {"compress-type": "lz4"}, "zst": {"compress-type": "zst"}, "not packed": {"compress-type": "none"}}
    # Five repositories take a while to take in the WAL of a large table.
    made = {name: PgBackRest(server, folder / name.replace(", ", "-").replace(" ", "-"), **{"archive-timeout": 100}, **options)
            for name, options in kinds.items()}
    serve(server, made.values())
    try:
        fill(server, 1_000_000)
        for kind in ("full", "incr"):
            for one in made.values():
                one.backup(kind)
            for number in range(TABLES):
                server.sql(f"UPDATE big_{number} SET text = md5(text) WHERE id % 100 = 0")
            server.sql("CHECKPOINT")
        for name, one in made.items():
            size = sum(file.stat().st_size for file in one.path.rglob("*") if file.is_file() and not file.is_symlink())
            theirs = Postgres.as_postgres(["pgbackrest", f"--config={one.config}", "--stanza=main", "verify"])
            table.compare(f"pgBackRest repository, {name}", size, verify(one.path), (theirs,), "`pgbackrest verify`", 2.5)
    finally:
        server.stop()


def several(folder):
    """Seconds for four packed files, one at a time and on all cores."""
    plain = folder / "rows.txt"
    text_like_a_dump(plain, SIZE // 4)
    paths = [folder / f"{i}.gz" for i in range(4)]
    into(paths[0], ["gzip", "-c", plain])
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    times = []
    for jobs in (1, os.cpu_count()):
        began = time.monotonic()
        subprocess.run([PROGRAM, "verify", f"--jobs={jobs}", *paths], check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - began)
    return f"Four files of {SIZE // 4 >> 20} MiB: {times[0]:.2f} s with `--jobs=1`, {times[1]:.2f} s with `--jobs={os.cpu_count()}`."


def main():
    table = Table()
    with tempfile.TemporaryDirectory(prefix="drwatch-bench-", dir="/dev/shm") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        packed_and_listed(table, folder)
        dumps(table, folder)
        listed_apart(table, folder)
        line = several(folder)
        repositories(table, folder)
        base_backups(table, folder)
    write_section("verify", f"""
## Verification speed

`scripts/bench verify`, unpacked bytes a CPU second from the page cache, the quickest of {ROUNDS} runs each; {machine()}, {time.strftime('%F')}.

{table.text()}

{line}
""")
    if table.missed:
        print(f"below the wanted speed: {', '.join(table.missed)}", file=sys.stderr)
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
