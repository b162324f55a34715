#!/usr/bin/python3
"""Memory and CPU of `drwatch verify` over artefacts of very many files: what each further file costs."""

import hashlib
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from bench_support import ROOT, machine, write_section

PROGRAM = ROOT / "build/release/exporter/drwatch"
COUNTS = (100_000, 800_000)  # a longer checksum list exceeds its limit
A_FOLDER = 1000  # files; PostgreSQL has a folder for each database
CONTENT = b"x"
SHA1 = hashlib.sha1(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LABEL = "20260101-010000F"


def name_of(number):
    return f"base/{number // A_FOLDER:05}/{number % A_FOLDER:05}"


def write_files(folder, count):
    for number in range(count):
        if number % A_FOLDER == 0:
            (folder / name_of(number)).parent.mkdir(parents=True)
        file = os.open(folder / name_of(number), os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(file, CONTENT)
        os.close(file)


def base_backup(folder, count):
    write_files(folder, count)
    lines = [f'{{ "Path": "{name_of(number)}", "Size": 1, "Last-Modified": "2026-01-01 00:00:00 GMT", '
             f'"Checksum-Algorithm": "SHA256", "Checksum": "{SHA256}" }}' for number in range(count)]
    text = ('{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n' + ",\n".join(lines) + '\n],\n"WAL-Ranges": [\n],\n')
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "backup_manifest").write_text(f'{text}"Manifest-Checksum": "{digest}"}}\n')
    return folder


def listed(folder, count):
    write_files(folder, count)
    with open(folder / "SHA256SUMS", "w", encoding="utf-8") as file:
        file.writelines(f"{SHA256}  {name_of(number)}\n" for number in range(count))
    return folder / "SHA256SUMS"


class Ini:
    """pgBackRest's files: the checksum is of the same content as one JSON text."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.digest = hashlib.sha1()
        self.section = None

    def add(self, section, key, value):
        if section != self.section:
            self.file.write(("\n" if self.section else "") + f"[{section}]\n")
            self.digest.update((("}," if self.section else "{") + f'"{section}":{{').encode())
            self.section = section
        else:
            self.digest.update(b",")
        text = json.dumps(value, separators=(",", ":"), sort_keys=True)
        self.file.write(f"{key}={text}\n")
        self.digest.update(f'"{key}":{text}'.encode())

    def close(self):
        self.digest.update(b"}}")
        self.file.write(f'\n[backrest]\nbackrest-checksum="{self.digest.hexdigest()}"\n')
        self.file.close()


def repository(folder, count, bundled=False):
    """A backup of a server that was stopped: it needs no WAL."""
    backup = folder / "backup/main" / LABEL
    backup.mkdir(parents=True)
    manifest = Ini(backup / "backup.manifest")
    manifest.add("backrest", "backrest-format", 5)
    if bundled:
        manifest.add("backup", "backup-bundle", True)
    manifest.add("backup", "backup-label", LABEL)
    manifest.add("backup:db", "db-version", "15")
    manifest.add("backup:option", "option-compress-type", "none")
    for number in range(count):
        facts = {"checksum": SHA1, "size": 1, "timestamp": 1767225600}
        if bundled:
            facts["bni"] = number // A_FOLDER + 1
            if number % A_FOLDER:
                facts["bno"] = number % A_FOLDER
        manifest.add("target:file", "pg_data/" + name_of(number), facts)
    manifest.add("target:path", "pg_data/base", {})
    manifest.close()
    if bundled:
        (backup / "bundle").mkdir()
        for number in range(count // A_FOLDER):
            (backup / f"bundle/{number + 1}").write_bytes(CONTENT * A_FOLDER)
    else:
        write_files(backup / "pg_data", count)
    system = 7710681104129229196
    info = Ini(folder / "backup/main/backup.info")
    info.add("backrest", "backrest-format", 5)
    info.add("backrest", "backrest-version", "2.45")
    info.add("backup:current", LABEL, {
        "backrest-format": 5, "backrest-version": "2.45", "backup-info-repo-size": count, "backup-info-repo-size-delta": count,
        "backup-info-size": count, "backup-info-size-delta": count, "backup-timestamp-start": 1767225600,
        "backup-timestamp-stop": 1767225700, "backup-type": "full", "db-id": 1})
    info.add("db", "db-id", 1)
    info.add("db", "db-system-id", system)
    info.add("db", "db-version", "15")
    info.add("db:history", "1", {"db-catalog-version": 202209061, "db-control-version": 1300, "db-system-id": system,
                                 "db-version": "15"})
    info.close()
    return folder


def bundled_repository(folder, count):
    return repository(folder, count, True)


KINDS = {
    "plain base backup": base_backup,
    "files of a checksum list": listed,
    "pgBackRest backup, one object a file": repository,
    "pgBackRest backup, bundled": bundled_repository,
}


def made(make, folder, count):
    """In a process of its own: what this one ever had counts as memory of those it starts."""
    with multiprocessing.Pool(1) as pool:
        return pool.apply(make, (folder, count))


def verify(path):
    """(KiB at the peak, CPU seconds)"""
    process = subprocess.Popen([str(PROGRAM), "verify", str(path)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"many_files: verify of {path} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss, usage.ru_utime + usage.ru_stime


def main():
    counts = [int(text) for text in sys.argv[1:]] or COUNTS
    rows = []
    for what, make in KINDS.items():
        results = []
        for count in counts:
            with tempfile.TemporaryDirectory(prefix="drwatch-bench-", dir="/dev/shm") as folder:
                results.append(verify(made(make, pathlib.Path(folder), count)))
        slope = (results[-1][0] - results[0][0]) * 1024 / (counts[-1] - counts[0])
        cells = " | ".join(f"{peak / 1024:.0f} MiB, {cpu:.1f} s" for peak, cpu in results)
        rows.append(f"| {what} | {cells} | {slope:.0f} |")
        print(rows[-1], flush=True)
    heads = " | ".join(f"{count:,} files" for count in counts)
    write_section("many files", f"""
## Very many files

`scripts/bench many_files`: `drwatch verify` over files of one byte each. Memory at its peak, CPU seconds, and what a further file adds; {machine()},
{time.strftime('%F')}.

| artefact | {heads} | bytes a file |
|---|{'---|' * len(counts)}---|
""" + "\n".join(rows))


if __name__ == "__main__":
    main()
