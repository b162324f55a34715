"""A history to come back along: WAL that is archived, and base backups to replay it upon."""

from servers import PG_BIN, Postgres, wait_until


def archive(server, count=1):
    """Fills `count` segments with rows of the table t, waits until they are archived, and names the last one."""
    for _ in range(count):
        server.sql("INSERT INTO t (v) SELECT repeat('x', 100) FROM generate_series(1, 100)")
        name = server.sql("SELECT pg_walfile_name(pg_switch_wal() - 1)")
    wait_until(lambda: server.sql(f"SELECT last_archived_wal >= '{name}' FROM pg_stat_archiver") == "t", what=f"{name} archived")
    return name


def base_backup(server, name, wal="fetch"):
    """In a folder of its own that holds nothing else; with "none" only the archive has its WAL."""
    folder = server.folder / "bases"
    folder.mkdir(exist_ok=True)
    server.hand_over(folder)
    server.run(f"{PG_BIN}/pg_basebackup", "-h", "127.0.0.1", "-p", server.port, "-U", "postgres", "-X", wal,
               "--checkpoint=fast", "--no-sync", "-D", folder / name)
    return folder / name


def copy_of(base, folder):
    """A server of its own with what a base backup holds, not started yet; it archives nothing."""
    server = Postgres(folder)
    server.run("cp", "-a", base, server.data)
    server.append_settings([f"port = {server.port}", f"unix_socket_directories = '{server.folder}'", "archive_mode = off"])
    return server


def prepare_recovery(server, archive, settings=()):
    """When it starts it goes along all that an archive holds, or to the target that `settings` name."""
    server.append_settings([f"restore_command = 'cp {archive}/%f %p'", *settings])
    (server.data / "recovery.signal").touch()
    server.hand_over(server.data / "recovery.signal")


def recover(server, archive, settings=()):
    prepare_recovery(server, archive, settings)
    server.start()
    wait_until(lambda: server.sql("SELECT pg_is_in_recovery()") == "f", timeout=60, what="recovered")
    return server
