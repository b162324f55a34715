"""A fake PagerDuty Events API v2 and Slack incoming webhook that check every field and limit of the documented protocol.

A request that breaks the protocol is answered as the real service answers it and is remembered in `violations`, so that a
test fails even if drwatch recovers from the refusal. `script` makes the next requests fail: each entry is a function name
or a status, used up one by one.
"""

import http.server
import json
import re
import threading
import time

PAGERDUTY_KEYS = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
PAYLOAD_KEYS = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
SLACK_KEYS = {"text", "attachments", "blocks", "channel", "username", "icon_emoji", "icon_url", "mrkdwn", "link_names",
              "unfurl_links", "unfurl_media", "thread_ts"}


def check_pagerduty(body, raw_size):
    """The list of what is wrong with one event; empty if PagerDuty would accept it."""
    errors = []
    if raw_size > 512_000:
        errors.append("event is larger than 512 KB")
    if not isinstance(body, dict):
        return ["body is not an object"]
    errors += [f"unknown field {key!r}" for key in body.keys() - PAGERDUTY_KEYS]
    if not re.fullmatch(r"[0-9a-zA-Z]{32}", str(body.get("routing_key", ""))):
        errors.append("routing_key must be 32 characters")
    action = body.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        errors.append("event_action must be trigger, acknowledge or resolve")
    key = body.get("dedup_key")
    if not isinstance(key, str) or not 0 < len(key) <= 255:
        errors.append("dedup_key must have 1 to 255 characters")
    if action == "trigger":
        errors += check_pagerduty_payload(body.get("payload"))
    for link in body.get("links", []):
        if not isinstance(link, dict) or not str(link.get("href", "")).startswith(("http://", "https://")):
            errors.append("links need an absolute href")
    return errors


def check_pagerduty_payload(payload):
    if not isinstance(payload, dict):
        return ["payload is required"]
    errors = [f"unknown payload field {key!r}" for key in payload.keys() - PAYLOAD_KEYS]
    summary = payload.get("summary")
    if not isinstance(summary, str) or not 0 < len(summary) <= 1024:
        errors.append("summary must have 1 to 1024 characters")
    if not str(payload.get("source") or "").strip():
        errors.append("source must not be blank")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        errors.append(f"severity {payload.get('severity')!r} is not accepted")
    stamp = payload.get("timestamp")
    if stamp is not None and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", stamp):
        errors.append("timestamp is not ISO 8601")
    if "custom_details" in payload and not isinstance(payload["custom_details"], (dict, str)):
        errors.append("custom_details must be an object")
    return errors


def check_slack(body):
    if not isinstance(body, dict):
        return ["invalid_payload"]
    errors = [f"unknown field {key!r}" for key in body.keys() - SLACK_KEYS]
    if not body.get("text") and not body.get("attachments") and not body.get("blocks"):
        errors.append("no_text")
    if len(body.get("text") or "") > 40_000:
        errors.append("text is longer than 40000")
    if len(body.get("attachments", [])) > 100:
        errors.append("too many attachments")
    blocks = list(body.get("blocks", []))
    for attachment in body.get("attachments", []):
        blocks += attachment.get("blocks", [])
    if len(blocks) > 50:
        errors.append("too many blocks")
    for block in blocks:
        text = (block.get("text") or {}).get("text", "") if isinstance(block.get("text"), dict) else ""
        limit = 150 if block.get("type") == "header" else 3000
        if len(text) > limit:
            errors.append(f"{block.get('type')} text is longer than {limit}")
    return errors


class Request:
    def __init__(self, kind, path, body, status, headers):
        self.time = time.time()
        self.kind = kind
        self.headers = headers
        self.path = path
        self.body = body
        self.status = status


class FakeReceivers:
    """One HTTP server: POST /v2/enqueue is PagerDuty, /services/... is Slack, /webhook/... takes any JSON, GET is a ping."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = []
        self.violations = []
        self.script = []
        self.release = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # head and body are written apart
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner.handle(self)

            def do_GET(self):
                owner.handle(self)

            def log_message(self, *unused):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def pagerduty_url(self):
        return self.url("/v2/enqueue")

    @property
    def slack_url(self):
        return self.url("/services/T0000/B0000/secretsecretsecret")

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def handle(self, handler):
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        kind = ("ping" if handler.command == "GET" else "pagerduty" if handler.path == "/v2/enqueue"
                else "slack" if handler.path.startswith("/services/") else "webhook")
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        with self.lock:
            action = self.script.pop(0) if self.script else None
        if callable(action):
            action = action(kind, body)
        status, text, headers = self.answer(kind, body, len(raw), action)
        with self.lock:
            self.requests.append(Request(kind, handler.path, body, status, handler.headers))
        if action == "hang":
            self.release.wait(60)
            handler.close_connection = True
            return
        if action == "reset":
            handler.connection.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER 0: close sends RST
            handler.close_connection = True
            handler.connection.close()
            return
        self.reply(handler, status, text, headers, action == "drip")

    def reply(self, handler, status, text, headers, drip):
        data = text.encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if not drip:
            handler.wfile.write(data)
            return
        for byte in data:
            if self.release.wait(0.5):
                break
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    def answer(self, kind, body, size, action):
        """(status, text, headers) for a request; `action` overrides: a status or (status, headers)."""
        headers = {"Content-Type": "application/json" if kind == "pagerduty" else "text/plain"}
        if isinstance(action, tuple):
            return action[0], "scripted", {**headers, **action[1]}
        if isinstance(action, int):
            return action, "scripted", headers
        errors = (check_pagerduty(body, size) if kind == "pagerduty" else check_slack(body) if kind == "slack"
                  else [] if kind == "ping" or isinstance(body, dict) else ["not JSON"])
        if errors:
            with self.lock:
                self.violations.append((kind, errors, body))
            text = json.dumps({"status": "invalid event", "message": "Event object is invalid", "errors": errors})
            return 400, text if kind == "pagerduty" else "invalid_payload", headers
        if kind == "pagerduty":
            return 202, json.dumps({"status": "success", "message": "Event processed",
                                    "dedup_key": body["dedup_key"]}), headers
        return 200, "ok", headers

    # What arrived and was accepted.
    def accepted(self, kind):
        with self.lock:
            return [request for request in self.requests if request.kind == kind and request.status < 300]

    def pages(self, action=None, alertname=None):
        """Accepted PagerDuty events, of one action and alert where given."""
        found = []
        for request in self.accepted("pagerduty"):
            if action and request.body["event_action"] != action:
                continue
            if alertname and alertname not in json.dumps(request.body):
                continue
            found.append(request)
        return found

    def open_incidents(self):
        """dedup_key -> last trigger, of the incidents PagerDuty would still show open."""
        incidents = {}
        for request in self.accepted("pagerduty"):
            key = request.body["dedup_key"]
            if request.body["event_action"] == "trigger":
                incidents[key] = request.body
            elif request.body["event_action"] == "resolve":
                incidents.pop(key, None)
        return incidents
