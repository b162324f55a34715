#!/usr/bin/python3
"""The most memory that queries of the API can make drwatch use: the largest ones the limits admit, one and many at once."""

import http.server
import os
import pathlib
import re
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from bench_support import ROOT, QuietServer, Server, free_port, http_get, machine, wait_until, write_section

SERIES = 5_000
STEP = 0.03  # of a range, so that the samples of a few seconds fill all of it
EXPRESSIONS = [
    "m",
    "sum(m)",
    "sum(m + m)",
    "sum(m + (m + (m + (m + (m + m)))))",
    "sum((m + m) + (m + m))",
    "count(m or -m)",
    "sum(m * on (i) group_left () m)",
    'count(label_replace(m, "x", "$1$1$1$1", "j", "(.*)"))',
    "topk(100, m)",
    "count(sort(m))",
    "sum(quantile by (i) (0.5, m))",
    "sum(max_over_time(m[60s:1s]))",
]


class Page:
    def __init__(self):
        filler = "x" * 40
        body = ("# TYPE m gauge\n" + "".join(f'm{{i="{i}",j="{filler}{i}"}} {i}\n' for i in range(SERIES))).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *unused):
                pass

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Drwatch(Server):
    def start(self, target):
        self.port = free_port()
        (self.folder / "drwatch.yml").write_text(
            f"global: {{probe_interval: 1s}}\nstorage: {{path: '{self.folder}/state'}}\nbuiltin_rules: false\n"
            f"probes: [{{name: page, type: scrape, job: page, url: 'http://127.0.0.1:{target}/metrics'}}]\n"
            "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        self.spawn([os.environ.get("DRWATCH_PROGRAM", ROOT / "build/release/exporter/drwatch"), f"--config.file={self.folder}/drwatch.yml",
                    f"--web.listen-address=127.0.0.1:{self.port}"])
        wait_until(lambda: http_get(f"http://127.0.0.1:{self.port}/-/ready")[0] == 200, what="drwatch")
        return self

    def ask(self, expression, begin, steps):
        form = {"query": expression, "start": begin, "end": begin + STEP * (steps - 1), "step": STEP}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query_range?" + urllib.parse.urlencode(form)) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            error.read()
            return error.code

    def memory(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(name + r":\s+(\d+)", status).group(1)) / 1024

    def peak_of(self, work):
        """MiB at the highest point of `work`."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        work()
        return self.memory("VmHWM")


def largest(drwatch, expression, begin):
    """The most steps that are answered."""
    accepted, refused = 1, 9_000
    while refused - accepted > max(1, accepted // 50):
        steps = (accepted + refused) // 2
        if drwatch.ask(expression, begin, steps) == 200:
            accepted = steps
        else:
            refused = steps
    return accepted


def together(drwatch, expression, begin, steps, clients):
    threads = [threading.Thread(target=drwatch.ask, args=(expression, begin, steps)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    page = Page()
    with tempfile.TemporaryDirectory() as folder:
        drwatch = Drwatch(pathlib.Path(folder)).start(page.server.server_address[1])
        begin = round(time.time()) + 2
        time.sleep(8)
        base = drwatch.memory("VmRSS")
        rows = []
        for expression in EXPRESSIONS:
            steps = largest(drwatch, expression, begin)
            one = drwatch.peak_of(lambda e=expression, s=steps: drwatch.ask(e, begin, s))
            four = drwatch.peak_of(lambda e=expression, s=steps: together(drwatch, e, begin, s, 4))
            rows.append((expression, steps, one, four))
            print(rows[-1], flush=True)
        worst = max(rows, key=lambda row: row[3])
        crowd = drwatch.peak_of(lambda: together(drwatch, worst[0], begin, worst[1], 20))
        after = drwatch.memory("VmRSS")
        drwatch.stop()
    lines = ["## Memory of queries", "",
             "`scripts/bench query_memory`: resident memory of the program at its highest while it answers the longest range query over "
             f"{SERIES // 1000} 000 series that the default limits admit, and while it answers four of them at once. "
             f"{base:.0f} MiB before; {machine()}, {time.strftime('%Y-%m-%d')}.", "",
             "| expression | steps | one | four at once |", "|---|---|---|---|"]
    lines += [f"| `{expression}` | {steps} | {one:.0f} MiB | {four:.0f} MiB |" for expression, steps, one, four in rows]
    lines += ["", f"Twenty clients with the worst of them, of which sixteen wait: {crowd:.0f} MiB; after all that {after:.0f} MiB stay resident."]
    write_section("query-memory", "\n".join(lines))


main()
