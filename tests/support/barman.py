"""Real Barman on loopback: a home, servers of it, and what its commands do. Everything runs as the cluster's user."""

import os
import pathlib
import re
import subprocess
import time

from servers import PG_BIN, Postgres, wait_until


class Barman:
    """One home with any number of servers that back up the same cluster."""

    def __init__(self, folder):
        self.home = pathlib.Path(folder)
        self.home.mkdir(parents=True)
        (self.home / "conf.d").mkdir()
        Postgres.hand_over(self.home, self.home / "conf.d")
        self.config = self.home / "barman.conf"
        self.config.write_text(f"[barman]\nbarman_user = {self.user()}\nbarman_home = {self.home}\n"
                               f"configuration_files_directory = {self.home}/conf.d\nlog_file = {self.home}/barman.log\n"
                               f"path_prefix = {PG_BIN}\n", encoding="ascii")

    @staticmethod
    def user():
        return "postgres" if os.geteuid() == 0 else os.environ.get("USER", "postgres")

    def archive_command(self, *servers):
        """Of the cluster, so that each of the servers gets its WAL."""
        return " && ".join(f"mkdir -p {self.home}/{name}/incoming && cp %p {self.home}/{name}/incoming/%f" for name in servers)

    def add_server(self, name, postgres, *settings):
        address = f"host=127.0.0.1 port={postgres.port} user=postgres dbname=postgres"
        lines = [f"[{name}]", "description = test", f"conninfo = {address}", f"streaming_conninfo = {address}", "archiver = on",
                 "immediate_checkpoint = true", *settings]
        (self.home / f"conf.d/{name}.conf").write_text("\n".join(lines) + "\n", encoding="ascii")
        return name

    def run(self, *command, check=True):
        result = subprocess.run(Postgres.as_postgres(["barman", "-c", self.config, *command]), check=False, cwd="/",
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                                env={**os.environ, "HOME": str(self.home)})
        assert not check or result.returncode == 0, f"barman {command}: {result.stdout}\n{result.stderr}"
        return result.stdout

    def backup(self, name):
        """Makes one and waits for its WAL; returns its id."""
        self.run("switch-wal", "--force", "--archive", name)
        self.run("backup", name)
        self.run("switch-wal", "--force", "--archive", name)
        wait_until(lambda: self.info(name)["status"] == "DONE" or self.run("archive-wal", name) is None, what="backup DONE")
        time.sleep(1.1)  # ids are seconds
        return self.last(name)

    def last(self, name):
        return max(path.name for path in (self.home / name / "base").iterdir() if not path.name.startswith("."))

    def info(self, name, backup=None):
        text = (self.home / name / "base" / (backup or self.last(name)) / "backup.info").read_text(encoding="utf-8")
        return dict(line.split("=", 1) for line in text.splitlines())


def as_newer(home, *servers):
    """Puts what Barman says of its backups where 3.13.2 and later have it. Debian 12 has none of these: the layout is re-created after
    homes of 3.20.1, where the size of a backup is that of its data alone."""
    for server in (home / name for name in servers):
        (server / "meta").mkdir()
        (server / "wals/xlog.db").rename(server / f"wals/{server.name}-xlog.db")
        for path in server.glob("base/*/backup.info"):
            moved = path.rename(server / f"meta/{path.parent.name}-backup.info")
            set_info(moved, "size", sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file()))


def set_info(path, key, value):
    """Changes a line of a backup.info."""
    text = path.read_text(encoding="utf-8")
    path.unlink()  # it may be a hard link
    path.write_text(re.sub(rf"(?m)^{key}=.*$", f"{key}={value}", text), encoding="utf-8")


def fake_ssh(folder):
    """A program that runs what it is given on this machine: Barman's rsync methods insist on ssh."""
    path = pathlib.Path(folder) / "ssh"
    path.write_text("""#!/bin/sh
host=
while [ $# -gt 0 ]; do
  case $1 in
    -o|-p|-l) shift 2 ;;
    -*) shift ;;
    *) [ -z "$host" ] || break; host=$1; shift ;;
  esac
done
exec sh -c "$*"
""", encoding="ascii")
    path.chmod(0o755)
    return path
