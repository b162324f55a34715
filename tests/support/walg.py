"""WAL-G repositories without WAL-G, which Debian does not have.

The layout is what wal-g's source says it writes (internal/databases/postgres: bundle.go, backup_sentinel_dto.go); what lies in it
is real: the members of a pg_basebackup of a running server, spread over tar files as wal-g does, and the WAL that it archived.
"""

import datetime
import io
import json
import pathlib
import subprocess
import tarfile

PACKERS = {
    "lz4": ["lz4", "-q", "-c"],
    "zst": ["zstd", "-q", "-c"],
    "br": ["brotli", "-q", "5", "-c"],
    "lzma": ["xz", "--format=lzma", "-c"],
    "": ["cat"],
}
PART_BYTES = 8 << 20


def pack(content, packing):
    return subprocess.run(PACKERS[packing], input=content, check=True, capture_output=True).stdout


def lsn(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


class WalG:
    """One repository in a folder."""

    def __init__(self, folder, packing):
        self.folder = pathlib.Path(folder)
        self.packing = packing
        self.names = []

    def file_name(self, name):
        return f"{name}.{self.packing}" if self.packing else name

    def put(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def put_tar(self, backup, name, members):
        """`members` are (tarfile.TarInfo, bytes)."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for info, content in members:
                tar.addfile(info, io.BytesIO(content))
        self.put(f"basebackups_005/{backup}/tar_partitions/{self.file_name(name + '.tar')}", pack(stream.getvalue(), self.packing))

    def archive(self, folder):
        """Takes over what an archive_command left in a folder."""
        for path in sorted(pathlib.Path(folder).iterdir()):
            self.put(f"wal_005/{self.file_name(path.name)}", pack(path.read_bytes(), self.packing))

    def backup(self, base_tar, system_identifier, stopped_at, parent=None):
        """Out of a base.tar of pg_basebackup; with a parent, files that are the same there are left out."""
        with tarfile.open(base_tar) as tar:
            members = [(info, tar.extractfile(info).read() if info.isfile() else b"") for info in tar]
        content = {info.name: data for info, data in members}
        label = content["backup_label"].decode()
        start, segment = label.split("START WAL LOCATION: ")[1].split("\n")[0].split(" (file ")
        name = "base_" + segment.rstrip(")")
        if parent:
            name += "_D_" + parent["name"][5:29]
        files, sets, parts = {}, {}, [[]]
        for info, data in members:
            if info.name in ("global/pg_control", "backup_label", "tablespace_map") or info.name.startswith("pg_wal/"):
                continue
            skipped = bool(parent) and info.isfile() and parent["content"].get(info.name) == data
            info.name = "/" + info.name
            files[info.name] = {"IsIncremented": False, "IsSkipped": skipped, "MTime": "2026-01-01T00:00:00Z"}
            if skipped:
                continue
            parts[-1].append((info, data))
            if sum(len(one) for _, one in parts[-1]) > PART_BYTES:
                parts.append([])
        for number, part in enumerate([part for part in parts if part], 1):
            sets[self.file_name(f"part_{number:03}.tar")] = [info.name for info, _ in part]
            self.put_tar(name, f"part_{number:03}", part)
        self.put_tar(name, "pg_control", [member("/global/pg_control", content["global/pg_control"])])
        labels = [member("backup_label", label.encode()), member("tablespace_map", content.get("tablespace_map", b""))]
        self.put_tar(name, "backup_label", labels)
        sets[self.file_name("backup_label.tar")] = ["tablespace_map", "backup_label"]
        finish = stopped_at
        now = datetime.datetime.now(datetime.timezone.utc)
        times = [(now - datetime.timedelta(minutes=20 + minutes)).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for minutes in (5, 0)]
        metadata = {"start_time": times[0], "finish_time": times[1], "hostname": "db", "data_dir": "/d", "pg_version": 150000,
                    "start_lsn": lsn(start), "finish_lsn": lsn(finish), "is_permanent": False,
                    "system_identifier": system_identifier}
        sentinel = {"LSN": lsn(start), "Timeline": 1, "PgVersion": 150000, "FinishLSN": lsn(finish),
                    "SystemIdentifier": system_identifier, "UncompressedSize": sum(map(len, content.values())), "Spec": None,
                    "Version": 2, "StartTime": times[0], "FinishTime": times[1], "Hostname": "db", "IsPermanent": False}
        if parent:
            sentinel |= {"DeltaLSN": parent["lsn"], "DeltaFrom": parent["name"], "DeltaFullName": parent["name"], "DeltaCount": 1}
        self.put(f"basebackups_005/{name}/metadata.json", json.dumps(metadata).encode())
        self.put(f"basebackups_005/{name}/files_metadata.json", json.dumps({"Files": files, "TarFileSets": sets}).encode())
        self.put(f"basebackups_005/{name}_backup_stop_sentinel.json", json.dumps(sentinel).encode())
        self.names.append(name)
        return {"name": name, "content": content, "lsn": lsn(start), "segment": name[5:29]}


def member(name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content
