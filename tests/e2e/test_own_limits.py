"""Limits that probes have of their own: of probes that see the same, each built-in rule pages for those whose limit it is beyond."""

import contextlib
import pathlib
import shutil
import socket
import struct

from configs import built_in, config
from faults import in_own_mounts
from servers import Nginx, Postgres, wait_until
from test_backup_rules import write
from test_web_config import Authority


def start(drwatch, folder, receivers, probes, rule):
    """Each probe's alert is a page of its own."""
    text = config(folder, receivers, probes, rules=built_in(rule), extra="builtin_rules: false")
    drwatch.start(text.replace("route: {", "route: {group_by: [alertname, probe], "))


def firing(drwatch, rule):
    return {alert["labels"]["probe"] for alert in drwatch.alerts().get(rule, []) if alert["state"] == "firing"}


def only_these(drwatch, receivers, rule, *probes):
    """The rule fires for these, and they were paged for; nobody was paged for another one since the last resolve."""
    wait_until(lambda: firing(drwatch, rule) == set(probes), what=f"{rule} for {probes}")
    pages = wait_until(lambda: (found := receivers.open_incidents()) and len(found) == len(probes) and found, what="pages")
    for probe in probes:
        assert sum(probe in page["payload"]["summary"] for page in pages.values()) == 1, pages
    return pages


def none_left(drwatch, receivers, rule):
    wait_until(lambda: not receivers.open_incidents() and not firing(drwatch, rule), what=f"resolve of {rule}")


def hold_connection(port):
    """A session that does nothing: the protocol's start-up message, up to where the server waits for a query."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    options = b"user\0drwatch\0database\0postgres\0\0"
    connection.sendall(struct.pack("!ii", len(options) + 8, 196608) + options)
    answer = b""
    while not answer.endswith(b"Z\0\0\0\x05I"):
        part = connection.recv(4096)
        assert part, answer
        answer += part
    return connection


def test_connections_of_a_database(folder, drwatch, receivers, keep):
    server = keep(Postgres(folder / "pg").create(["max_connections = 60", "superuser_reserved_connections = 3"]).start())
    server.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch")
    limits = {"strict": 0.92, "patient": 0.995}
    start(drwatch, folder, receivers, [{"name": name, "type": "postgres", "service": "shop", "dsn": server.url("drwatch"),
                                        "connections_warning_ratio": ratio} for name, ratio in limits.items()], "DatabaseConnectionsHigh")
    wait_until(lambda: len(drwatch.query("postgres_connections_used_ratio < 0.5")) == 2, what="both see few connections")
    assert not drwatch.alerts().get("DatabaseConnectionsHigh")
    with contextlib.ExitStack() as held:
        # 0.93 of the 57 are taken, and those of the two probes come on top.
        for _ in range(53):
            held.enter_context(hold_connection(server.port))
        pages = only_these(drwatch, receivers, "DatabaseConnectionsHigh", "strict")
        assert "uses 9" in next(iter(pages.values()))["payload"]["summary"]
        assert drwatch.value('postgres_connections_warning_ratio{probe="patient"}') == 0.995
    none_left(drwatch, receivers, "DatabaseConnectionsHigh")


def test_days_that_a_certificate_has_left(folder, drwatch, receivers, keep):
    authority = Authority(folder, "authority")
    nginx = keep(Nginx(folder / "nginx", certificate=authority.issue("server", days=20)).start())
    nginx.set("/health", 200, "{}")
    url = f"https://localhost:{nginx.tls_port}/health"
    limits = {"careful": {"certificate_warning": "30d"}, "usual": {}, "quick": {"certificate_warning": "2d"}}
    start(drwatch, folder, receivers, [{"name": name, "type": "http", "service": "shop", "url": url, "tls": {"ca_file": str(authority.cert)},
                                        **limit} for name, limit in limits.items()], "CertificateExpiring")

    def renew(days):
        authority.issue("server", days=days)
        nginx.set("/health", 200, "{}")
        wait_until(lambda: len(drwatch.query(f"abs(probe_ssl_earliest_cert_expiry - time() - {days * 86400}) < 3600")) == 3,
                   what=f"a certificate of {days} days")
    pages = only_these(drwatch, receivers, "CertificateExpiring", "careful")
    assert "expires in 19d" in next(iter(pages.values()))["payload"]["summary"]
    renew(10)
    only_these(drwatch, receivers, "CertificateExpiring", "careful", "usual")
    renew(90)
    none_left(drwatch, receivers, "CertificateExpiring")
    assert len(drwatch.query("probe_success == 1")) == 3, "it was a warning, never a failure"


def test_free_space_of_a_disk(folder, drwatch, receivers):
    """A file system of 8 MiB that somebody fills, under the folders of three probes."""
    disk = folder / "disk"
    disk.mkdir()
    limits = {"careful": {"free_space_warning_ratio": 0.5}, "usual": {}, "bold": {"free_space_warning_ratio": 0.01}}
    write(folder / "shop-1.dump", age=60)
    in_own_mounts(drwatch, f"mount -t tmpfs -o size=8m tmpfs {disk}" +
                  "".join(f" && mkdir {disk}/{name} && cp -p {folder}/shop-1.dump {disk}/{name}/" for name in limits))
    start(drwatch, folder, receivers, [{"name": name, "type": "backup", "service": "shop", "path": str(disk / name), "pattern": "shop-*.dump",
                                        "quiet_time": "200ms", **limit} for name, limit in limits.items()], "BackupDiskFilling")
    wait_until(lambda: len(drwatch.query("backup_verification_success == 1")) == 3, what="backups verified")
    assert not drwatch.alerts().get("BackupDiskFilling")
    filler = pathlib.Path(f"/proc/{drwatch.process.pid}/root{disk}/filler")

    def fill(used):
        size = shutil.disk_usage(filler.parent).total
        filler.write_bytes(b"x" * int(size * used - size * 0.01))
    fill(0.6)
    only_these(drwatch, receivers, "BackupDiskFilling", "careful")
    fill(0.95)
    only_these(drwatch, receivers, "BackupDiskFilling", "careful", "usual")
    filler.unlink()
    none_left(drwatch, receivers, "BackupDiskFilling")
