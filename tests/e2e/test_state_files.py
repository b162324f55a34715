"""State that another version wrote."""

import shutil
import sqlite3

import pytest
from configs import expect_page, expect_resolve
from faults import Api, ROOT
from servers import wait_until

FIRST = ROOT / "tests/testdata/state/first-schema.db"


@pytest.fixture
def state(folder):
    """A copy of the first schema's file where drwatch looks for its state."""
    (folder / "state").mkdir()
    return shutil.copy(FIRST, folder / "state/drwatch.db")


def rows(path, text):
    with sqlite3.connect(path) as database:
        return database.execute(text).fetchall()


def test_the_first_schema_is_opened_with_its_rows(folder, drwatch, receivers, keep, state):
    [(active_at,)] = rows(state, "SELECT active_at FROM rules_alerts")
    [(key,)] = rows(state, "SELECT dedup_key FROM notify_deliveries WHERE target LIKE '%pagerduty%'")
    assert {version for _, version in rows(state, "SELECT * FROM schema_versions")} == {1}
    api = Api(folder, drwatch, receivers, keep)
    api.break_it()
    api.start()
    assert "level=error" not in drwatch.log_text() and not list((folder / "state").glob("*.corrupt-*"))
    alert = wait_until(lambda: drwatch.alerts().get("TestDown"), what="the alert of then")[0]
    assert alert["state"] == "firing"
    page = expect_page(receivers, "TestDown", wait_until)
    assert page.body["dedup_key"] == key
    drwatch.stop()
    assert rows(state, "SELECT active_at FROM rules_alerts") == [(active_at,)], "it fires since then"
    assert max(version for _, version in rows(state, "SELECT * FROM schema_versions")) > 1
    drwatch.start()
    api.repair()
    expect_resolve(receivers, page, wait_until)


def test_a_schema_of_the_future_is_refused(folder, drwatch, receivers, keep, state):
    """Its rows could mean anything: nothing is sent, nothing is changed, and the error says what to do."""
    with sqlite3.connect(state) as database:
        database.execute("UPDATE schema_versions SET version = 99 WHERE component = 'notify'")
    before = rows(state, "SELECT * FROM notify_deliveries")
    with pytest.raises(RuntimeError, match="ended with 1"):
        Api(folder, drwatch, receivers, keep).start()
    assert "the state of notify has version 99, this program knows" in drwatch.log_text()
    assert "run the newer drwatch that wrote it" in drwatch.log_text()
    assert rows(state, "SELECT * FROM notify_deliveries") == before and not receivers.requests
