"""Fixtures of the end-to-end tests: real servers, the program, and receivers that check the protocol."""

import pathlib
import shutil
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
sys.path.insert(0, str(ROOT / "tests/e2e"))

from drwatch import Drwatch  # noqa: E402
from receivers import FakeReceivers  # noqa: E402
from servers import Nginx, Postgres  # noqa: E402


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="drwatch-e2e-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def keep():
    """keep(server) ends it after the test, last started first."""
    servers = []

    def add(server):
        servers.append(server)
        return server

    yield add
    for server in reversed(servers):
        server.stop()


@pytest.fixture
def nginx(folder, keep):
    """A server whose health endpoint says that all is well."""
    server = keep(Nginx(folder / "nginx").start())
    server.set("/health", 200, '{"checks":{"database":true}}')
    return server


@pytest.fixture
def primary(folder, keep):
    """A server that archives its WAL and lets drwatch look."""
    server = keep(Postgres(folder / "primary").create().start())
    server.sql("CREATE ROLE drwatch LOGIN; GRANT pg_monitor TO drwatch; CREATE TABLE t (v text)")
    return server


@pytest.fixture
def receivers():
    fake = FakeReceivers()
    yield fake
    fake.close()
    assert not fake.violations, f"PagerDuty or Slack would have refused: {fake.violations}"


@pytest.fixture
def drwatch(folder, keep, request):
    program = keep(Drwatch(folder / "drwatch"))
    yield program
    report = getattr(request.node, "report", None)
    if report is not None and report.failed:
        print(program.log_text()[-6000:])


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.report = outcome.get_result()
