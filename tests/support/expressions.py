"""Random PromQL expressions over a fixed set of series, for comparing two servers.

What Prometheus 2.42 (Debian's) and 3.x answer differently is left out by construction:
- ranges, lookback and subqueries are open on the left in 3.x: no sample lies on a whole second (see samples()), while times,
  ranges and offsets are whole seconds; a subquery's steps are multiples of 30 s and times lie 7 s after one. So subqueries
  are not nested in each other, whose inner times would lie on those steps;
- rate() and increase() near a counter's zero: the counters stay far from it;
- durations as numbers, and functions newer than 2.42 or renamed since (holt_winters);
- stddev and stdvar of one NaN or Inf: they are of gauges alone, and those values are in a series of their own;
- atan2 keeps the metric name in 2.42: it is only used where the name is gone already;
- what depends on the last digit of a sum, whose order is not defined: % and trigonometry of anything but samples;
- predict_linear with @ in a range query: 2.42 moves the window with the steps;
- a comparison that filters away a double match is an error in 3.x only: "one" sides are unique here.
"""

import random

START = 1_700_000_000 - 1_700_000_000 % 3600  # a whole hour
MINUTES = 90
END = START + MINUTES * 60


def label_text(labels):
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def samples(seed=7):
    """OpenMetrics text: gauges, counters with resets, a histogram, gaps, unusual values; every time ends in .ms."""
    rng = random.Random(seed)
    pages = {"temperature": ("gauge", []), "requests": ("counter", []), "capacity": ("gauge", []),
             "version_info": ("gauge", []), "odd": ("gauge", []), "latency": ("histogram", [])}

    def scrapes(gap=None):
        """Whole millisecond times about every 15 s, never on a whole second, with an optional gap of minutes."""
        for i in range(MINUTES * 4):
            at = START * 1000 + i * 15_000 + rng.randrange(1000, 9000) // 1000 * 1000 + rng.randrange(1, 999)
            if gap and gap[0] * 60_000 <= at - START * 1000 < gap[1] * 60_000:
                continue
            yield at

    def add(family, name, labels, at, value):
        pages[family][1].append((name, tuple(labels.items()), at, value))

    for floor in "12":
        for room in ("kitchen", "hall", "server-room"):
            value = rng.uniform(15, 25)
            gap = (30, 42) if room == "hall" else None
            for at in scrapes(gap):
                value += rng.gauss(0, 0.3)
                add("temperature", "temperature", {"floor": floor, "room": room}, at, round(value, 3))
    for job in ("api", "web", "db"):
        for instance in ("a:1", "b:2"):
            for code in ("200", "500"):
                value = rng.uniform(1e6, 2e6)
                for at in scrapes((50, 58) if instance == "b:2" and job == "db" else None):
                    value = rng.uniform(1e6, 1.1e6) if rng.random() < 0.01 else value + rng.randrange(0, 200)
                    add("requests", "requests_total", {"job": job, "instance": instance, "code": code}, at, round(value, 1))
        for at in scrapes():
            add("capacity", "capacity", {"job": job}, at, {"api": 100, "web": 250.5, "db": 8}[job])
        for instance, version in (("a:1", "1.0"), ("b:2", "1.1")):
            for at in scrapes():
                add("version_info", "version_info", {"job": job, "instance": instance, "version": version}, at, 1)
        counts = {le: rng.randrange(1000, 2000) for le in ("0.1", "0.5", "1", "+Inf")}
        total = 0.0
        for at in scrapes():
            below = 0
            for le in counts:
                counts[le] += rng.randrange(0, 20)
            for le, extra in counts.items():
                below += extra
                add("latency", "latency_bucket", {"job": job, "le": le}, at, below)
            total += rng.uniform(0, 5)
            add("latency", "latency_sum", {"job": job}, at, round(total + 1000, 4))
            add("latency", "latency_count", {"job": job}, at, below)
    for kind, value in (("nan", "NaN"), ("inf", "+Inf"), ("minus", "-Inf"), ("zero", 0), ("negative", -12.5)):
        for at in scrapes():
            add("odd", "odd", {"kind": kind}, at, value)
    lines = []
    for family, (kind, rows) in pages.items():
        lines.append(f"# TYPE {family} {kind}")
        # A series' lines stand together; a histogram's buckets belong to one label set and time.
        key = (lambda row: (row[1][0], row[2], row[0], row[1])) if kind == "histogram" else (lambda row: (row[1], row[2]))
        order = {"0.1": 0, "0.5": 1, "1": 2, "+Inf": 3}
        if kind == "histogram":
            rows.sort(key=lambda row: (row[1][0], row[2], row[0] != "latency_bucket", row[0],
                                       order.get(dict(row[1]).get("le"), 9)))
        else:
            rows.sort(key=key)
        for name, labels, at, value in rows:
            lines.append(f"{name}{label_text(dict(labels))} {value} {at // 1000}.{at % 1000:03d}")
    return "\n".join(lines) + "\n# EOF\n"


class Expressions:
    """expression(): one after the other, the same for the same seed."""

    GAUGES = ["temperature", 'temperature{room="kitchen"}', 'temperature{room=~"hall|server.*"}', 'temperature{floor!="1"}',
              "capacity", 'odd{kind=~"zero|negative"}']
    COUNTERS = ["requests_total", 'requests_total{code="500"}', 'requests_total{job=~"api|web",instance!~"b.*"}',
                'latency_count', 'latency_sum{job="api"}', 'latency_bucket{le="0.5"}']
    NONE = ["none", 'none{a="b"}', 'none{a="b",c=~"d.*"}']
    RANGES = ["1m", "90s", "5m", "7m", "15m"]
    ELEMENT = ["abs", "ceil", "floor", "ln", "log2", "log10", "sqrt", "sgn", "deg", "rad"]
    # Of samples alone: these make much of the last digit, or infinity.
    ELEMENT_OF_SAMPLES = ["sin({})", "cos({})", "tanh({})", "exp({} / 10)", "({} % 7)", "({} ^ 3)", "(100 % {})", "(2 ^ ({} / 50))"]
    OVER_TIME = ["avg", "min", "max", "sum", "count", "last", "present", "stddev", "stdvar"]
    DATES = ["hour", "minute", "month", "year", "day_of_week", "day_of_month", "day_of_year", "days_in_month"]
    GROUPS = ["", " by (job)", " by (job, code)", " by (room)", " without (instance)", " without (floor, code)"]

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.in_subquery = False

    def pick(self, choices):
        return self.rng.choice(choices)

    def shift(self):
        roll = self.rng.random()
        if roll < 0.70:
            return ""
        if roll < 0.85:
            return " offset " + self.pick(["30s", "1m", "10m", "-1m", "1h"])
        if roll < 0.90 and not self.in_subquery:
            return self.pick([" @ start()", " @ end()"])
        return f" @ {START + 30 * self.rng.randrange(20, 2 * MINUTES - 10) + 7}" + self.pick(["", " offset 1m"])

    def number(self):
        return self.pick(["0", "1", "2", "0.5", "-3", "1e3", "20", "100", "Inf", "0x1F"])

    def range(self, selectors, depth):
        if depth > 1 and not self.in_subquery and self.rng.random() < 0.25:
            self.in_subquery = True
            inner = self.vector(depth - 1)
            self.in_subquery = False
            return f"({inner})[{self.pick(['5m', '10m', '30m'])}:{self.pick(['30s', '1m', ''])}]" + self.pick(
                ["", "", " offset 1m"])
        return f"{self.pick(selectors)}[{self.pick(self.RANGES)}]{self.shift()}"

    def over_range(self, depth):
        roll = self.rng.random()
        if roll < 0.40:
            return f"{self.pick(['rate', 'increase', 'irate'])}({self.range(self.COUNTERS, 0)})"
        if roll < 0.70:
            return f"{self.pick(self.OVER_TIME)}_over_time({self.range(self.GAUGES, depth)})"
        if roll < 0.78:
            return f"quantile_over_time({self.pick(['0', '0.25', '0.5', '0.9', '1'])}, {self.range(self.GAUGES, depth)})"
        if roll < 0.90:
            return f"{self.pick(['delta', 'idelta', 'deriv', 'changes', 'resets'])}({self.range(self.GAUGES, 0)})"
        return f"predict_linear({self.pick(self.GAUGES)}[{self.pick(self.RANGES)}]{self.pick(['', ' offset 1m'])}, " \
               f"{self.pick(['60', '3600', '-60'])})"

    def aggregation(self, depth):
        group = self.pick(self.GROUPS)
        inner = self.vector(depth - 1)
        roll = self.rng.random()
        if roll < 0.65:
            return f"{self.pick(['sum', 'avg', 'min', 'max', 'count', 'group'])}{group}({inner})"
        if roll < 0.75:
            return f"{self.pick(['stddev', 'stdvar'])}{group}({self.pick(self.GAUGES)}{self.shift()})"
        if roll < 0.87:
            return f"quantile{group}({self.pick(['0', '0.3', '0.5', '0.99'])}, {inner})"
        return f"{self.pick(['topk', 'bottomk'])}{group}({self.pick(['1', '2', '3'])}, {self.selector()})"

    def matching(self, depth):
        """Two vectors with what they are matched on."""
        roll = self.rng.random()
        op = self.pick(["+", "-", "*", "/", "==", "!=", ">", "<", ">=", "<=", "> bool", "== bool", "<= bool"])
        if roll < 0.25:
            return f"rate(requests_total[{self.pick(self.RANGES)}]) {op} on (job) group_left capacity"
        if roll < 0.40:
            return f"capacity {op} on (job) group_right sum by (job, code) ({self.pick(self.COUNTERS[:3])})"
        if roll < 0.50:
            return "requests_total * on (job, instance) group_left (version) version_info"
        if roll < 0.60:
            return f"temperature{{floor=\"1\"}} {op} ignoring (floor) temperature{{floor=\"2\"}}"
        if roll < 0.70:
            return f"sum by (job) ({self.pick(self.COUNTERS[:3])}) {op} max by (job) (capacity)"
        if roll < 0.78:
            return "sum by (job) (requests_total) atan2 sum by (job) (capacity)"
        set_op = self.pick(["and", "or", "unless"])
        on = self.pick(["", " on (job)", " ignoring (code)", " on ()"])
        return f"{self.vector(depth - 1)} {set_op}{on} {self.vector(depth - 1)}"

    def labels(self, depth):
        inner = self.selector()
        return self.pick([
            f'label_replace({inner}, "new", "$1-x", "room", "(.)(.*)")',
            f'label_replace({inner}, "job", "", "job", ".*")',
            f'label_replace({inner}, "short", "${{1}}", "instance", "([a-z]):\\\\d+")',
            f'label_join({inner}, "joined", "/", "job", "instance", "none")',
            f'count_values("v", {self.pick(["capacity", "version_info", "round(temperature)"])})',
        ])

    def selector(self):
        return self.pick(self.GAUGES + self.COUNTERS) + self.shift()

    def scalar(self, depth):
        return self.pick([self.number(), "time()", "pi()", f"scalar(sum({self.selector()}))", f"({self.number()} + 1)",
                          'scalar(capacity{job="api"})'])

    def vector(self, depth):
        if depth <= 0:
            return self.selector()
        kind = self.rng.randrange(13)
        if kind == 0:
            return self.selector()
        if kind in (1, 2):
            return self.over_range(depth)
        if kind in (3, 4):
            return self.aggregation(depth)
        if kind == 5:
            return f"({self.matching(depth)})"
        if kind == 6:
            op = self.pick(["+", "-", "*", "/", ">", "<", "!=", "> bool", "<= bool"])
            sides = [self.vector(depth - 1), self.scalar(depth - 1)]
            self.rng.shuffle(sides)
            return f"({sides[0]} {op} {sides[1]})"
        if kind == 7:
            if self.rng.random() < 0.3:
                return self.pick(self.ELEMENT_OF_SAMPLES).format(self.pick(self.GAUGES[:5]) + self.shift())
            return f"{self.pick(self.ELEMENT)}({self.vector(depth - 1)})"
        if kind == 8:
            return self.labels(depth)
        if kind == 9:
            return self.pick([
                f"clamp({self.vector(depth - 1)}, 1, 30)", f"clamp_min({self.selector()}, {self.scalar(0)})",
                f"clamp_max({self.selector()}, 20)", f"round({self.vector(depth - 1)}, {self.pick(['0.5', '5'])})",
                f"round({self.selector()})", f"-({self.selector()})", f"(timestamp({self.pick(self.GAUGES)}) - {START})",
                f"{self.pick(self.DATES)}({self.pick(['', 'vector(time())', 'timestamp(capacity)'])})",
                f"vector({self.scalar(0)})"])
        if kind == 10:
            quantile = self.pick(["0.5", "0.9", "0.99", "0", "1"])
            return f"histogram_quantile({quantile}, sum by ({self.pick(['le', 'job, le'])}) (rate(latency_bucket[5m])))"
        if kind == 11:
            return self.pick([f"absent({self.pick(self.GAUGES + self.NONE)})",
                              f"absent_over_time({self.pick(['temperature'] + self.NONE)}[5m])",
                              f"sort({self.selector()})", f"sort_desc({self.selector()})"])
        return f"({self.vector(depth - 1)})"

    def expression(self):
        roll = self.rng.random()
        if roll < 0.05:
            return self.scalar(2)
        if roll < 0.10:
            return self.pick(["odd", "odd * 2", "odd > 0", "odd == odd", "max(odd)", "min(odd)", "sum(odd)", "-odd", "odd ^ 0",
                              "topk(2, odd)", "sort(odd)", "round(odd)", "clamp(odd, 0, 5)", "max_over_time(odd[5m])",
                              "min_over_time(odd[5m])", "count_over_time(odd[5m])", "last_over_time(odd[5m])", "odd % 5",
                              "odd > bool 0", "sgn(odd)", "abs(odd)", "count(odd > -Inf)", "odd unless odd < 0", "avg(odd)"])
        return self.vector(self.rng.randrange(1, 4))

    def time(self):
        """7 s after a multiple of 30 s."""
        return START + 30 * self.rng.randrange(0, 2 * MINUTES + 10) + 7
