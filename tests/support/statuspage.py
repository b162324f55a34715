"""A fake Statuspage: the incidents part of its API, as documented, for one page."""

import json
import re
import threading
import time
import urllib.parse

from http_sink import HttpSink

STATUSES = {"investigating", "identified", "monitoring", "resolved"}
IMPACTS = {"none", "minor", "major", "critical"}
COMPONENT_STATUSES = {"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}
FIELDS = {"name", "status", "body", "impact_override", "components", "component_ids", "metadata", "deliver_notifications"}


class FakeStatuspage:
    """`lose` counts answers that are lost after the incident was changed; `refuse` is a status for the next changes; `delete`
    counts changes whose incident people delete just before."""

    def __init__(self, page="page1", key="statuspage-geheim-key"):
        self.page, self.key = page, key
        self.incidents = {}
        self.history = []  # (method, status, body) of each change
        self.times = []  # of them
        self.violations = []
        self.lose = self.delete = self.opened = 0
        self.refuse = []
        self.lock = threading.Lock()
        self.sink = HttpSink(lambda sink, handler, body: self.answer(handler, body))
        self.url = f"http://127.0.0.1:{self.sink.port}/v1"

    def stop(self):
        self.sink.stop()
        assert not self.violations, self.violations

    def looks(self):
        """How often drwatch asked for what is open."""
        return sum(request[0] == "GET" for request in self.sink.requests)

    def unresolved(self):
        with self.lock:
            return [incident for incident in self.incidents.values() if incident["status"] != "resolved"]

    def answer(self, handler, body):
        with self.lock:
            status, text = self.act(handler.command, urllib.parse.unquote(handler.path), handler.headers, body)
            if handler.command != "GET" and status < 300 and self.lose > 0:
                self.lose -= 1
                handler.close_connection = True
                handler.connection.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # close sends RST
                handler.connection.close()
            return status, text

    def act(self, method, path, headers, body):
        if headers.get("Authorization") != f"OAuth {self.key}":
            return 401, '{"error": "Could not authenticate"}'
        base = f"/v1/pages/{self.page}/incidents"
        if method == "GET" and path == base + "/unresolved":
            return 200, json.dumps([i for i in self.incidents.values() if i["status"] != "resolved"])
        if self.refuse:
            return self.refuse.pop(0), '{"error": "scripted"}'
        found = re.fullmatch(re.escape(base) + r"/(\w+)", path)
        if method == "PATCH" and found and self.delete > 0:
            self.delete -= 1
            self.incidents.pop(found[1], None)
        if method == "POST" and path == base:
            self.opened += 1
            incident = {"id": f"inc{self.opened}"}
        elif method == "PATCH" and found and found[1] in self.incidents:
            incident = self.incidents[found[1]]
        else:
            return 404, '{"error": "not found"}'
        wanted = json.loads(body).get("incident")
        errors = self.check(wanted, method)
        if errors:
            self.violations.append((errors, wanted))
            return 422, json.dumps({"error": errors})
        incident.update(wanted)
        self.incidents[incident["id"]] = incident
        self.history.append((method, wanted["status"], wanted["body"]))
        self.times.append(time.time())
        return (201 if method == "POST" else 200), json.dumps(incident)

    @staticmethod
    def check(incident, method):
        if not isinstance(incident, dict):
            return ["incident is missing"]
        errors = [f"unknown field {name}" for name in incident.keys() - FIELDS]
        if method == "POST" and not incident.get("name"):
            errors.append("name can't be blank")
        if incident.get("status") not in STATUSES:
            errors.append("status is not one of the four")
        if not incident.get("body"):
            errors.append("body can't be blank")
        if incident.get("impact_override", "none") not in IMPACTS:
            errors.append("impact")
        for identity, status in incident.get("components", {}).items():
            if status not in COMPONENT_STATUSES or identity not in incident["component_ids"]:
                errors.append("component status")
        return errors
