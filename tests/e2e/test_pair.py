"""Two drwatch with one configuration that watch the same: one incident, whichever of them is there."""

from configs import config, expect_page
from drwatch import Drwatch
from servers import wait_until
from test_delivery import RULES, break_it, repair


def start_pair(folder, keep, receivers, nginx):
    pair = []
    for name in ("first", "second"):
        own = folder / name
        own.mkdir()
        program = keep(Drwatch(own / "drwatch"))
        pair.append(program.start(config(own, receivers, [{"name": "api", "type": "http", "url": nginx.url("/health")}],
                                         rules=RULES, extra="builtin_rules: false")))
    return pair


def test_a_pair_shares_its_incidents(folder, keep, receivers, nginx):
    start_pair(folder, keep, receivers, nginx)
    break_it(nginx)
    wait_until(lambda: len(receivers.pages("trigger", "TestDown")) >= 2, what="both page")
    assert len(receivers.open_incidents()) == 1
    wait_until(lambda: receivers.accepted("slack"), what="Slack")
    repair(nginx)
    wait_until(lambda: not receivers.open_incidents(), what="resolved")
    wait_until(lambda: len(receivers.pages("resolve")) >= 2, what="both tell the end")
    assert not receivers.open_incidents()
    assert len(receivers.accepted("slack")) <= 4, "one extra message for each change"


def test_one_of_a_pair_is_enough(folder, keep, receivers, nginx):
    first, _ = start_pair(folder, keep, receivers, nginx)
    first.kill()
    break_it(nginx)
    expect_page(receivers, "TestDown", wait_until)
    first.start()
    wait_until(lambda: len(receivers.pages("trigger", "TestDown")) >= 2, what="the other one pages, too")
    assert len(receivers.open_incidents()) == 1
    repair(nginx)
    wait_until(lambda: not receivers.open_incidents(), what="resolved")
