"""pgBackRest on a PostgreSQL server of the tests: a stanza "main" in a repository of its own, and its own verdicts."""

import json
import pathlib
import subprocess

from servers import Postgres


class PgBackRest:
    """One repository of `server`, whose archive_command fills it."""

    def __init__(self, server, folder, **options):
        self.server = server
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "repository"
        for name in ("", "repository", "log", "lock", "spool"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            Postgres.hand_over(self.folder / name)
        self.config = self.folder / "pgbackrest.conf"
        settings = {"repo1-path": self.path, "log-path": self.folder / "log", "lock-path": self.folder / "lock",
                    "spool-path": self.folder / "spool", "log-level-console": "error", "log-level-file": "off",
                    "start-fast": "y", "compress-type": "lz4", "repo1-retention-full": 9, "archive-timeout": 20, **options}
        lines = ["[global]", *[f"{key}={value}" for key, value in settings.items()], "[main]", f"pg1-path={server.data}",
                 f"pg1-port={server.port}", f"pg1-socket-path={server.folder}", "pg1-user=postgres"]
        self.config.write_text("\n".join(lines) + "\n", encoding="ascii")

    def archive_command(self):
        return f"pgbackrest --config={self.config} --stanza=main archive-push %p"

    def create(self):
        """After the server was told the archive command."""
        self.command("stanza-create")
        return self

    def command(self, name, *options, check=True, **more):
        command = ["pgbackrest", f"--config={self.config}", "--stanza=main", *[str(option) for option in options], name]
        return subprocess.run(Postgres.as_postgres(command), check=check, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, cwd="/", timeout=120, **more)

    def backup(self, kind, *options):
        """Its label."""
        result = self.command("backup", f"--type={kind}", *options, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return self.backups()[-1]["label"]

    def backups(self):
        return json.loads(self.command("info", "--output=json").stdout)[0]["backup"]

    def verify(self):
        """What `pgbackrest verify` finds wrong, as its lines; it says so in its log, not in its exit code."""
        result = self.command("verify", "--log-level-console=info", "--output=text", check=False)
        wrong = ("invalid", "missing", "mismatch", "ERROR", "error", "unable", "gap", "not valid")
        return [line for line in (result.stdout + result.stderr).splitlines()
                if any(word in line for word in wrong) and "0 missing" not in line.replace(" 0 ", " 0 ")
                and "verify command end" not in line]

    def stored_files(self):
        """All but the texts, which have copies, and links."""
        return sorted(path for path in self.path.rglob("*")
                      if path.is_file() and not path.is_symlink() and "backup.history" not in path.parts
                      and not path.name.endswith((".info", ".copy", ".manifest", ".backup", ".history")))


def server_with(folder, settings=()):
    """A server whose archive_command serve() sets. Small segments, which are quick to archive."""
    return Postgres(folder).create(["wal_level = replica", "wal_keep_size = 0", *settings], ["--wal-segsize=1"])


def serve(server, repositories):
    """Starts the server with the repositories as its archive, and makes their stanzas."""
    server.append_settings(["archive_command = '" + " && ".join(one.archive_command() for one in repositories) + "'"])
    server.start()
    for one in repositories:
        one.create()
    return server
