"""Damages copies of intact backups and counts who sees it: drwatch (in one process, tests/programs/verify_lines.cc) and the
field's own tools. bench/detect.py prints its table; tests/e2e/test_detect.py runs a small one as a test."""

import collections
import dataclasses
import pathlib
import random
import shutil
import subprocess

import damage

TOOL_TIMEOUT = 10
# Details that name the damage of what is intact all the same.
NAMES_DAMAGE = ("the server drops its last", "it is not loaded", "a missing file would not show")


@dataclasses.dataclass
class Verdict:
    outcome: str
    level: int
    reason: str
    text: str
    details: list

    @property
    def names_damage(self):
        return any(words in detail for detail in self.details for words in NAMES_DAMAGE)


class Verifier:
    """drwatch's verification in one long-lived process."""

    def __init__(self, program):
        self.process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace",
                                        bufsize=1)

    def verify(self, path):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the verifier died of {path}")
        outcome, level, reason, text, *details = line.rstrip("\n").split("\t")
        return Verdict(outcome, int(level), reason, text, details)

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


@dataclasses.dataclass
class Count:
    total: int = 0
    seen: int = 0
    named: int = 0  # of those not seen, in a detail
    levels: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # of those not seen
    tools: dict = dataclasses.field(default_factory=dict)  # name: seen


class Run:
    """`counts[artefact name][class]`, and `wrong`: what contradicts damage.visible()."""

    def __init__(self, verifier, work, seed, with_tools):
        self.verifier = verifier
        self.work = pathlib.Path(work)
        self.random = random.Random(seed)
        self.with_tools = with_tools
        self.counts = {}
        self.wrong = []

    def tool_sees(self, command, path):
        command = [part.replace("{}", str(path)) for part in command]
        try:
            return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=TOOL_TIMEOUT).returncode != 0
        except subprocess.TimeoutExpired:
            return False

    def intact(self, artefact):
        verdict = self.verifier.verify(artefact.path)
        if (verdict.outcome, verdict.level, verdict.names_damage) != ("intact", artefact.level, False):
            self.wrong.append(f"{artefact.name}: intact, but {verdict}")

    def note(self, artefact, damage_class, what, path):
        verdict = self.verifier.verify(path)
        count = self.counts.setdefault(artefact.name, {}).setdefault(damage_class, Count())
        count.total += 1
        seen = verdict.outcome != "intact"
        count.seen += seen
        if not seen:
            count.levels[verdict.level] += 1
            count.named += verdict.names_damage
        expected = damage.visible(artefact.kind, damage_class)
        if expected == damage.SEEN and not seen:
            self.wrong.append(f"{artefact.name}, {damage_class} {what}: not seen: {verdict}")
        if self.with_tools:
            for name, command in artefact.tools:
                count.tools[name] = count.tools.get(name, 0) + self.tool_sees(command, path)

    def file(self, artefact, count):
        data = artefact.path.read_bytes()
        copy = self.work / artefact.path.name
        for number, (damage_class, function) in enumerate(damage.file_damages(self.random, data, count)):
            damaged = function(data)
            if damage.harmless(data, damaged):
                continue
            copy.write_bytes(damaged)
            self.note(artefact, damage_class, number, copy)
        copy.unlink()

    @staticmethod
    def harmless(artefact, name, before, after):
        if damage.is_segment(name):
            return damage.Wal(artefact.path, name).harmless(before, after)
        if name == "pg_wal.tar.gz" and len(before) == len(after) and damage.unpacks_alike(before, after):
            return True
        return damage.harmless(before, after)

    def folder(self, artefact, count):
        copy = self.work / artefact.path.name
        shutil.copytree(artefact.path, copy)
        for damage_class, name, function in list(damage.folder_damages(self.random, artefact, count)):
            names = name if isinstance(name, tuple) else (name,)
            if function is not None and len(names) == 1 and (copy / name).exists():
                data = (copy / name).read_bytes()
                if self.harmless(artefact, name, data, function(data)):
                    continue
            before = {one: (copy / one).read_bytes() if (copy / one).exists() else None for one in names}
            if len(names) == 2:
                (copy / names[0]).write_bytes(before[names[1]])
                (copy / names[1]).write_bytes(before[names[0]])
            elif function is None:
                (copy / name).unlink()
            else:
                (copy / name).write_bytes(function(before[name]))
            self.note(artefact, damage_class, name, copy)
            for one, data in before.items():
                if data is None:
                    (copy / one).unlink()
                else:
                    (copy / one).write_bytes(data)
        shutil.rmtree(copy)

    def artefact(self, artefact, count):
        self.intact(artefact)
        if artefact.folder:
            self.folder(artefact, count)
        else:
            self.file(artefact, count)


def passing_as(count):
    """The levels of those not seen, and how many of them a detail names."""
    levels = "/".join(map(str, sorted(count.levels)))
    if not count.named:
        return levels
    return f"{levels}, {'' if count.named == count.total - count.seen else f'{count.named} '}said in a detail"


def class_table(artefacts, run):
    """One row an artefact and class of damage, in Markdown."""
    rows = ["| backup | damage | drwatch | level of those not seen | the format's own tools |", "|---|---|---|---|---|"]
    for artefact in artefacts:
        for damage_class, count in run.counts.get(artefact.name, {}).items():
            levels = passing_as(count) if count.levels else "-"
            tools = "; ".join(f"{name} {seen}/{count.total}" for name, seen in count.tools.items()) or "-"
            rows.append(f"| {artefact.name} | {damage_class} | {count.seen}/{count.total} | {levels} | {tools} |")
    return "\n".join(rows)


def table(artefacts, run):
    """One row an artefact, in Markdown: how many damages each verifier saw, and of which classes some pass."""
    rows = ["| backup | damages | drwatch | the format's own tools | what passes (level it is reported at) |", "|---|---|---|---|---|"]
    for artefact in artefacts:
        counts = run.counts.get(artefact.name, {})
        total = sum(count.total for count in counts.values())
        seen = sum(count.seen for count in counts.values())
        names = [name for name, _ in artefact.tools]
        tools = "; ".join(f"`{name}` {sum(count.tools.get(name, 0) for count in counts.values())}" for name in names) or "-"
        passing = "; ".join(f"{name} {count.total - count.seen}/{count.total} ({passing_as(count)})"
                            for name, count in counts.items() if count.seen < count.total) or "nothing"
        rows.append(f"| {artefact.name} | {total} | {seen} | {tools} | {passing} |")
    return "\n".join(rows)
