"""kill -9 at random instants, under a stream of alert changes, with receivers that fail at random.

What must hold whatever happens: no trigger is lost, no resolve is lost, nobody hears of an end without a start, and each receiver
sees at most one duplicate after each crash (and what it did not answer once more). DRWATCH_KILLS sets how often the program dies; 500
take some minutes. tests/notify/crash_test.cc crashes at every named step.
"""

import collections
import json
import os
import random
import re
import threading
import time
import urllib.error
import urllib.request

from servers import wait_until

KILLS = int(os.environ.get("DRWATCH_KILLS", "25"))
ALERTS = 8


class Chaos:
    """In place of FakeReceivers.script: what becomes of each request."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lost_answers = collections.Counter()
        self.unanswered = set()  # (kind, name or key of the incident)

    def __bool__(self):
        return True

    def pop(self, _):
        dice = self.random.random()
        if dice < 0.12:
            return 500
        if dice < 0.16:
            return (429, {"Retry-After": "1"})
        if dice < 0.24:
            return self.lose
        return None

    def lose(self, kind, body):
        """The receiver takes it and the answer never arrives."""
        self.lost_answers[kind] += 1
        self.unanswered.update((kind, mark) for mark in marks(body))
        return "reset"


def marks(body):
    """What tells of which incident a request is: its name, at PagerDuty its key."""
    return {body.get("dedup_key"), *re.findall(r"incident-\d+-", json.dumps(body))} - {None}


class Incident:
    def __init__(self, number, early):
        self.name = f"incident-{number}-"
        self.early = early  # ends whether or not somebody was told
        self.posted = self.ended = None
        self.lasts = random.uniform(0.05, 1.0)


class Changer(threading.Thread):
    """Posts alerts and their ends, each until it is acknowledged."""

    def __init__(self, drwatch, receivers):
        super().__init__(daemon=True)
        self.drwatch, self.receivers = drwatch, receivers
        self.incidents, self.stop_at, self.problem = [], threading.Event(), None

    def post(self, incident, end):
        alert = {"labels": {"alertname": "Crash", "incident": incident.name, "severity": "critical"},
                 "annotations": {"summary": f"{incident.name} burns"},
                 "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(incident.started)),
                 "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + (0 if end else 3600)))}
        try:
            request = urllib.request.Request(self.drwatch.url() + "/api/v2/alerts", json.dumps([alert]).encode(),
                                             {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=5).close()
            return True
        except (urllib.error.URLError, OSError, TypeError, AttributeError):
            return False  # it is down: again later

    def told(self, incident):
        return any(incident.name in json.dumps(page.body) for page in self.receivers.pages("trigger"))

    def run(self):
        try:
            number = 0
            open_ones = []
            while open_ones or not self.stop_at.is_set():
                while len(open_ones) < ALERTS and not self.stop_at.is_set():
                    number += 1
                    open_ones.append(Incident(number, random.random() < 0.3))
                    open_ones[-1].started = time.time()
                    self.incidents.append(open_ones[-1])
                incident = random.choice(open_ones)
                if incident.posted is None:
                    if self.post(incident, end=False):
                        incident.posted = time.monotonic()
                elif incident.early or self.told(incident):
                    if time.monotonic() > incident.posted + incident.lasts and self.post(incident, end=True):
                        incident.ended = time.monotonic()
                        open_ones.remove(incident)
                elif time.monotonic() > incident.posted + 90:
                    raise AssertionError(f"nobody was told of {incident.name}")
                time.sleep(random.uniform(0.005, 0.05))
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem


def settings(folder, receivers):
    return f"""
global: {{probe_interval: 1h, evaluation_interval: 1h}}
storage: {{path: '{folder}/state'}}
builtin_rules: false
route: {{receiver: all, group_by: [incident], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}}
receivers:
- name: all
  pagerduty_configs: [{{routing_key: 0123456789abcdef0123456789abcdef, url: '{receivers.pagerduty_url}'}}]
  slack_configs: [{{api_url: '{receivers.slack_url}'}}]
  webhook_configs: [{{url: '{receivers.url("/webhook/all")}'}}]
"""


class Heard:
    """What a receiver was sent of each incident, in order. A resolve of PagerDuty has only the key."""

    def __init__(self, receivers, kind, ended):
        self.requests, self.keys = collections.defaultdict(list), {}
        for request in list(receivers.requests):
            if request.kind != kind:
                continue
            names = [mark for mark in marks(request.body) if mark.startswith("incident-")]
            key = request.body.get("dedup_key")
            if names and key:
                self.keys[key] = names[0]
            name = names[0] if names else self.keys[key]
            word = "resolve" if ended(request.body, json.dumps(request.body)) else "trigger"
            self.requests[name].append((word, request))

    def attempts(self, incident):
        return [word for word, _ in self.requests[incident.name]]

    def accepted(self, incident):
        return [(word, request.time) for word, request in self.requests[incident.name] if request.status < 300]

    def all_marks(self, incident):
        return {incident.name, *(key for key, name in self.keys.items() if name == incident.name)}


def outbox(drwatch):
    depths = [float(line.rsplit(" ", 1)[1]) for line in drwatch.metrics().splitlines()
              if line.startswith("drwatch_outbox_depth{")]
    assert depths
    return sum(depths)


ENDED = {
    "pagerduty": lambda body, text: body["event_action"] == "resolve",
    "slack": lambda body, text: "resolved" in text.lower(),
    "webhook": lambda body, text: body["status"] == "resolved",
}


def test_nothing_is_lost_across_kills(folder, drwatch, receivers):
    seed = int(os.environ.get("DRWATCH_SEED", "0")) or random.randrange(1 << 30)
    print(f"seed {seed}, {KILLS} kills")
    random.seed(seed)
    drwatch.start(settings(folder, receivers))
    chaos = Chaos(seed)
    receivers.script = chaos
    changer = Changer(drwatch, receivers)
    changer.start()
    kills = []
    for _ in range(KILLS):
        time.sleep(random.choice([random.uniform(0.0, 0.1), random.uniform(0.1, 1.0)]))
        drwatch.kill()
        kills.append(time.time())
        drwatch.start()
        assert changer.problem is None, changer.problem
    changer.stop_at.set()
    receivers.script = []
    wait_until(lambda: not changer.is_alive(), timeout=120, what="all alerts posted and ended")
    assert changer.problem is None, changer.problem
    wait_until(lambda: outbox(drwatch) == 0 and not receivers.open_incidents(), timeout=120, interval=0.3,
               what="everything delivered")

    silent = 0
    extra = collections.Counter()
    unheard = collections.Counter()  # messages that tell of the start and the end at once
    after_crash = collections.Counter()  # (kind, how many kills before): duplicates
    for kind, ended in ENDED.items():
        heard = Heard(receivers, kind, ended)
        for incident in changer.incidents:
            accepted = heard.accepted(incident)
            told = [word for word, _ in accepted]
            where = f"{kind} on {incident.name} (seed {seed}): {heard.attempts(incident)}, accepted {told}"
            if not told:
                assert incident.early, f"lost trigger: {where}"
                silent += 1
                continue
            if heard.attempts(incident)[0] != "trigger":
                # A message says at once what began and ended before it could be delivered; an incident cannot.
                assert kind != "pagerduty", f"an end without a start: {where}"
                unheard[kind] += 1
            assert told[-1] == "resolve", f"lost resolve: {where}"
            unanswered = any((kind, mark) in chaos.unanswered for mark in heard.all_marks(incident))
            for number, (word, when) in enumerate(accepted):
                if word in told[:number]:
                    extra[kind] += 1
                    after_crash[kind, sum(kill < when for kill in kills)] += not unanswered
    print(f"{len(changer.incidents)} incidents, {silent} over before they were told, {dict(extra)} duplicates, "
          f"{dict(chaos.lost_answers)} lost answers, {dict(unheard)} told of both at once")
    for (kind, crash), count in after_crash.items():
        assert count <= 1, f"{count} duplicates at {kind} after kill {crash} (seed {seed})"
