"""The program under test as a child process, and its API."""

import json
import os
import pathlib
import signal
import urllib.parse

from servers import Server, http_get, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("DRWATCH_PROGRAM", str(ROOT / "build/release/exporter/drwatch"))


class Drwatch(Server):
    def __init__(self, folder, program=PROGRAM):
        super().__init__(folder)
        self.program = program
        self.config = self.folder / "drwatch.yml"
        self.port = None

    def start(self, config_text=None, wait="ready", env=None, options=()):
        """Starts it on a free port; `wait` is "ready", "healthy" or None."""
        if config_text is not None:
            self.config.write_text(config_text, encoding="utf-8")
        mark = len(self.log_text())
        environment = {**os.environ, **(env or {})}
        address = f"127.0.0.1:{self.port or 0}"
        self.spawn([self.program, f"--config.file={self.config}", f"--web.listen-address={address}", *options],
                   env=environment)
        if wait:
            self.port = wait_until(lambda: self.find_port(mark), what="drwatch listening")
            wait_until(lambda: http_get(f"{self.url()}/-/{wait}")[0] == 200, what=f"drwatch {wait}")
        return self

    def find_port(self, mark):
        if self.process.poll() is not None:
            raise RuntimeError(f"drwatch ended with {self.process.returncode}:\n{self.log_text()[mark:]}")
        for line in self.log_text()[mark:].splitlines():
            if 'msg=listening' in line or 'msg="listening"' in line:
                return int(line.split("address=")[1].split()[0].strip('"').rsplit(":", 1)[1])
        return None

    def kill(self):
        """kill -9."""
        self.stop(signal.SIGKILL)

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path):
        return http_get(self.url() + path)

    def api(self, path, **parameters):
        status, body = self.get(path + ("?" + urllib.parse.urlencode(parameters) if parameters else ""))
        answer = json.loads(body)
        assert status == 200, f"{path}: {status} {body}"
        return answer["data"]

    def query(self, expression):
        """{labels as sorted tuple: value} of an instant query."""
        data = self.api("/api/v1/query", query=expression)
        if data["resultType"] == "scalar":
            return {(): float(data["result"][1])}
        found = {}
        for element in data["result"]:
            found[tuple(sorted(element["metric"].items()))] = float(element["value"][1])
        return found

    def value(self, expression):
        """The one value of an instant query, None if there is none."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression}: {found}"
        return next(iter(found.values()), None)

    def metrics(self):
        return self.get("/metrics")[1]

    def alerts(self):
        """{alertname: [alert]} of what is pending or firing."""
        found = {}
        for alert in self.api("/api/v1/alerts")["alerts"]:
            found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found

    def firing(self):
        return {name for name, alerts in self.alerts().items() if any(a["state"] == "firing" for a in alerts)}
