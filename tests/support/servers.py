"""Real servers on loopback for tests, benchmarks and the demo: each in its own folder, on a free port, ended by pid.

Only the standard library is used, so that scripts/run needs nothing but python3 beside the servers' packages.
"""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PG_BIN = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1] if glob.glob("/usr/lib/postgresql/*/bin") else "/usr/bin"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout=20.0, interval=0.02, what="condition"):
    """Calls `condition` until it returns something true and returns that; raises after `timeout` seconds."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (OSError, AssertionError, urllib.error.URLError, ValueError) as error:
            last = error
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout} s" + (f" (last: {last})" if last else ""))
        time.sleep(interval)


def http_get(url, timeout=5.0, headers=None):
    """(status, body) of a GET; HTTP errors are answers, not exceptions."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Server:
    """A child process with a log file."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None

    def spawn(self, command, log="log", env=None):
        with open(self.folder / log, "ab") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env,
                start_new_session=True)

    def send(self, number):
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def stop(self, number=signal.SIGTERM, timeout=15):
        if not self.process:
            return
        self.send(signal.SIGCONT)
        self.send(number)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log_text(self, log="log"):
        path = self.folder / log
        return path.read_text(errors="replace") if path.exists() else ""


class Postgres(Server):
    """A PostgreSQL cluster. Root starts it as the user postgres, because the server refuses to run as root."""

    def __init__(self, folder, port=None):
        super().__init__(folder)
        self.port = port or free_port()
        self.data = self.folder / "data"
        self.archive = self.folder / "archive"
        self.archive.mkdir(exist_ok=True)
        self.hand_over(self.folder, self.archive)

    @staticmethod
    def hand_over(*paths):
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            for path in paths:
                os.chown(path, account.pw_uid, account.pw_gid)

    @staticmethod
    def as_postgres(command):
        command = [str(part) for part in command]
        if os.geteuid() == 0:
            return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] + command
        return command

    def run(self, *command, **options):
        return subprocess.run(self.as_postgres(command), check=True, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, cwd="/", **options)

    def create(self, settings=(), initdb=()):
        self.run(f"{PG_BIN}/initdb", "--no-sync", "--auth=trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-k",
                 "-D", self.data, *initdb)
        self.append_settings([
            "listen_addresses = '127.0.0.1'", f"port = {self.port}", f"unix_socket_directories = '{self.folder}'",
            "shared_buffers = '16MB'", "fsync = off", "max_connections = 30", "wal_level = logical",
            "archive_mode = on", f"archive_command = 'test ! -f {self.archive}/%f && cp %p {self.archive}/%f'",
            "wal_keep_size = '64MB'", "log_min_messages = warning", *settings])
        return self

    def append_settings(self, lines):
        with open(self.data / "postgresql.auto.conf", "a", encoding="ascii") as file:
            file.write("".join(line + "\n" for line in lines))

    def make_standby_of(self, primary, settings=()):
        self.run(f"{PG_BIN}/pg_basebackup", "-h", "127.0.0.1", "-p", primary.port, "-U", "postgres", "-D", self.data,
                 "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
        self.append_settings([f"port = {self.port}", f"unix_socket_directories = '{self.folder}'",
                              "archive_mode = off", *settings])
        return self

    def start(self):
        self.spawn(self.as_postgres([f"{PG_BIN}/postgres", "-D", self.data]))
        wait_until(self.ready, what="postgres start")
        return self

    def ready(self):
        return subprocess.run([f"{PG_BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def stop(self, number=signal.SIGINT, timeout=20):
        super().stop(number, timeout)

    def freeze(self):
        """SIGSTOP for the postmaster and its children: the port still accepts, nobody answers."""
        self.send_all(signal.SIGSTOP)

    def thaw(self):
        self.send_all(signal.SIGCONT)

    def send_all(self, number):
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], check=False, capture_output=True, text=True)
        for pid in [self.process.pid] + [int(line) for line in children.stdout.split()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def sql(self, text, database="postgres"):
        result = subprocess.run(
            [f"{PG_BIN}/psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database, "-qAtX",
             "-v", "ON_ERROR_STOP=1", "-c", text], check=True, capture_output=True, text=True, timeout=30)
        return result.stdout.strip()

    def url(self, user="postgres", database="postgres"):
        return f"postgres://{user}@127.0.0.1:{self.port}/{database}"


class Redis(Server):
    def __init__(self, folder, port=None):
        super().__init__(folder)
        self.port = port or free_port()

    def start(self, *options, password=None):
        self.password = password
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                   "--repl-diskless-sync-delay", 0, "--repl-ping-replica-period", 1, "--daemonize", "no", *options]
        if password:
            command += ["--requirepass", password, "--masterauth", password]
        self.spawn(command)
        wait_until(lambda: self.command("PING") == "PONG", what="redis start")
        return self

    def command(self, *words):
        environment = dict(os.environ)
        if self.password:
            environment["REDISCLI_AUTH"] = self.password
        result = subprocess.run(["redis-cli", "-p", str(self.port), *[str(word) for word in words]], check=False,
                                capture_output=True, text=True, timeout=10, env=environment)
        return result.stdout.strip()


class Sentinel(Redis):
    def start(self, master):
        settings = self.folder / "sentinel.conf"
        settings.write_text(f"sentinel monitor shop 127.0.0.1 {master.port} 1\n", encoding="utf-8")
        self.password = None
        self.spawn(["redis-sentinel", settings, "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder])
        wait_until(lambda: self.command("PING") == "PONG", what="sentinel start")
        return self


class Nginx(Server):
    """Serves whatever `locations` says: {path: (status, content type, body)}; set() changes it while it runs.

    With `certificate`, the files of a certificate and its key, also under TLS: they are read anew by each set().
    """

    def __init__(self, folder, port=None, certificate=None):
        super().__init__(folder)
        self.port = port or free_port()
        self.certificate = certificate
        self.tls_port = free_port() if certificate else None
        self.locations = {}

    def write_config(self):
        lines = ["daemon off;", f"pid {self.folder}/pid;", f"error_log {self.folder}/error.log;"]
        if os.geteuid() == 0:
            lines.append("user root;")
        lines += ["worker_processes 1;", "events {}", "http {", "  access_log off;"]
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
            lines.append(f"  {kind}_temp_path {self.folder}/{kind};")
        lines += ["  server {", f"    listen 127.0.0.1:{self.port};"]
        if self.certificate:
            cert, key = self.certificate
            lines += [f"    listen 127.0.0.1:{self.tls_port} ssl;", f"    ssl_certificate {cert};", f"    ssl_certificate_key {key};"]
        for path, (status, content_type, body) in self.locations.items():
            quoted = body.replace("\\", "\\\\").replace("'", "\\'")
            lines.append(f"    location = {path} {{ default_type {content_type}; return {status} '{quoted}'; }}")
        lines += ["  }", "}"]
        (self.folder / "nginx.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def set(self, path, status=200, body="ok", content_type="application/json"):
        self.locations[path] = (status, content_type, body)
        self.write_config()
        if self.process:
            old_workers = self.workers()
            self.send(signal.SIGHUP)
            wait_until(lambda: self.workers() and not self.workers() & old_workers, what="nginx reload")
            wait_until(lambda: http_get(self.url(path)) == (status, body), what="nginx reload")

    def workers(self):
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], check=False, capture_output=True, text=True)
        return set(found.stdout.split())

    def start(self):
        self.write_config()
        self.spawn(["/usr/sbin/nginx", "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf"])
        wait_until(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() is None, what="nginx start")
        # It listens before it minds signals, and a reload then would end it; by its first worker it does.
        wait_until(self.workers, what="nginx start")
        return self

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"


class Prometheus(Server):
    def __init__(self, folder, port=None):
        super().__init__(folder)
        self.port = port or free_port()

    def start(self, config_text, *options):
        (self.folder / "prometheus.yml").write_text(config_text, encoding="utf-8")
        self.spawn(["prometheus", f"--config.file={self.folder}/prometheus.yml",
                    f"--storage.tsdb.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                    "--rules.alert.resend-delay=1s", *options])
        wait_until(lambda: http_get(f"{self.url()}/-/ready")[0] == 200, what="prometheus start")
        return self

    def url(self):
        return f"http://127.0.0.1:{self.port}"


class ApiServer(Server):
    """drwatch's HTTP API over the samples of an OpenMetrics file (tests/programs/api_server.cc)."""

    PROGRAM = pathlib.Path(os.environ.get("DRWATCH_PROGRAM", ROOT / "build/release/exporter/drwatch")).parents[1] / \
        "tests/api_server"

    def start(self, page):
        command = [str(self.PROGRAM), str(page)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address, f"{command} did not start"
        return self

    def stop(self, number=signal.SIGTERM, timeout=15):
        if self.process:
            self.process.stdin.close()
            self.process.stdout.close()
        super().stop(number, timeout)

    def url(self):
        return f"http://{self.address}"


class Alertmanager(Server):
    def __init__(self, folder, port=None):
        super().__init__(folder)
        self.port = port or free_port()

    def start(self, config_text, *options):
        """`options` of a cluster's member; without them it is alone."""
        (self.folder / "alertmanager.yml").write_text(config_text, encoding="utf-8")
        self.spawn(["prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml",
                    f"--storage.path={self.folder}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                    *(options or ["--cluster.listen-address="])])
        wait_until(lambda: http_get(f"{self.url()}/-/ready")[0] == 200, what="alertmanager start")
        return self

    def url(self):
        return f"http://127.0.0.1:{self.port}"


def made_at(dump, then):
    """The bytes of a dump in custom format with another time of its begin in the header, on this machine's clock."""
    at = time.localtime(then)
    dump = bytearray(dump)
    fields = [at.tm_sec, at.tm_min, at.tm_hour, at.tm_mday, at.tm_mon - 1, at.tm_year - 1900]
    assert dump.startswith(b"PGDMP\x01\x0e"), "its compression takes five bytes"
    for field, value in enumerate(fields):
        dump[17 + 5 * field] = value
    return bytes(dump)


def fill_backup_folder(postgres, folder, database="postgres"):
    """One pg_dump -Fc, one pg_basebackup -Ft -z and their SHA256SUMS, as a nightly job would leave them."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    dump = folder / f"shop-{stamp}.dump"
    base = folder / f"base-{stamp}"
    work = postgres.folder / f"work-{stamp}"
    work.mkdir()
    postgres.hand_over(work)
    connection = ["-h", "127.0.0.1", "-p", postgres.port, "-U", "postgres"]
    postgres.run(f"{PG_BIN}/pg_dump", *connection, "-Fc", "-f", work / dump.name, database)
    postgres.run(f"{PG_BIN}/pg_basebackup", *connection, "-Ft", "-z", "-X", "stream", "--checkpoint=fast",
                 "-D", work / base.name)
    shutil.move(work / dump.name, dump)
    shutil.move(work / base.name, base)
    shutil.rmtree(work)
    sums = subprocess.run(["sha256sum", dump.name, *sorted(f"{base.name}/{file.name}" for file in base.iterdir())],
                          cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / "SHA256SUMS").write_text(sums, encoding="ascii")
    return dump, base
