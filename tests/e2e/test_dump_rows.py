"""Dumps that pg_dump makes of ugly data are intact, in every format; and what drwatch finds wrong with rows, PostgreSQL does not
restore."""

import os
import pathlib
import random
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/verify/corpus"))

import detect  # noqa: E402
from servers import PG_BIN, Postgres  # noqa: E402

VERIFY_LINES = pathlib.Path(os.environ.get("DRWATCH_PROGRAM", ROOT / "build/release/exporter/drwatch")).parents[1] / "tests/verify_lines"

# Every character up to U+02FF in a value of its own, and what COPY, its end mark and its line ends may trip over.
UGLY = r"""
CREATE SCHEMA "s,(1) ""x"" FROM stdin;";
CREATE TABLE public.ugly (id int, note text, raw bytea, list text[], "a, (b)" text, "c""d" int, "e
f" text, twice int GENERATED ALWAYS AS (id * 2) STORED, gone int);
ALTER TABLE public.ugly DROP COLUMN gone;
INSERT INTO public.ugly SELECT g, chr(g), decode(repeat(lpad(to_hex(g % 256), 2, '0'), g), 'hex'), ARRAY[chr(g), NULL, ''], chr(g) || E'\t' || chr(g), NULL, ''
  FROM generate_series(1, 767) g;
INSERT INTO public.ugly (note, "a, (b)", "e
f") VALUES ('\.', E'\\.\n', E'\n\\.\n'), (E'a\r\nb', E'\r', E'\r\n\r'), (E'\\', E'\\\\', E'\\\\\\'), ('\N', '\x', '\011'), (E'\t', E'\n', ''),
  ('$$', '''"', '--'), (repeat(E'\\', 1000), repeat('表', 1000), repeat('😀', 300)), (repeat('long ', 700000), repeat(E'\t', 5000), NULL);
CREATE TABLE public.nothing ();
INSERT INTO public.nothing SELECT FROM generate_series(1, 70);
CREATE TABLE public.computed (one int GENERATED ALWAYS AS (1) STORED);
INSERT INTO public.computed VALUES (DEFAULT), (DEFAULT);
CREATE TABLE public.one (x text);
INSERT INTO public.one VALUES (''), (NULL), ('\.'), ('\N'), (E'\n'), ('COPY x FROM stdin;');
CREATE TABLE public.empty (x int, y int);
CREATE TABLE "s,(1) ""x"" FROM stdin;"."t
u" ("(" text, ")" text, ";" text);
INSERT INTO "s,(1) ""x"" FROM stdin;"."t
u" SELECT g, 'é', NULL FROM generate_series(1, 1000) g;
CREATE TABLE public.parent (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE public.part_1 PARTITION OF public.parent FOR VALUES FROM (0) TO (50);
CREATE TABLE public.part_2 (at int, id int);
ALTER TABLE public.parent ATTACH PARTITION public.part_2 FOR VALUES FROM (50) TO (100);
INSERT INTO public.parent SELECT g, g % 100 FROM generate_series(1, 500) g;
CREATE MATERIALIZED VIEW public.seen AS SELECT * FROM public.parent;
CREATE TABLE public.child (extra text) INHERITS (public.one);
INSERT INTO public.child VALUES ('a', 'b');
CREATE FUNCTION public.decoy() RETURNS text LANGUAGE sql AS $_$ SELECT 'COPY x (a, b) FROM stdin;
1
\.
' || 'ü' $_$;
COMMENT ON TABLE public.one IS 'größe
\.
COPY public.x (a) FROM stdin;';
SELECT lo_from_bytea(0, '\xff00fe'), lo_from_bytea(0, 'a');
DO $$ BEGIN
  EXECUTE 'CREATE TABLE public.wide (' || (SELECT string_agg(format('%I smallint', 'Column, number ' || g), ', ') FROM generate_series(1, 1500) g) || ')';
END $$;
INSERT INTO public.wide ("Column, number 7") VALUES (1), (2);
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    one = Postgres(folder / "pg").create(["archive_mode = off"]).start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def verifier():
    one = detect.Verifier(VERIFY_LINES)
    yield one
    one.close()


def program(server, name, *options, **keywords):
    command = [f"{PG_BIN}/{name}", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", *options]
    return subprocess.run(command, check=keywords.pop("check", True),
                          stdout=keywords.pop("stdout", subprocess.DEVNULL), stderr=subprocess.PIPE, **keywords)


def script(server, database, text, **keywords):
    return program(server, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, input=text.encode(), **keywords)


@pytest.fixture(scope="module")
def databases(server):
    """One a kind of text."""
    def create(name, encoding, text):
        script(server, "postgres", f"CREATE DATABASE \"{name}\" ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        script(server, name, "SET client_encoding = 'UTF8';\n" + text)
    create("ugly", "UTF8", UGLY)
    create("größe", "LATIN1", "CREATE TABLE t (a text, b text); INSERT INTO t SELECT chr(g), 'é' FROM generate_series(1, 255) g")
    create("bytes", "SQL_ASCII", r"CREATE TABLE t (a text, b text); INSERT INTO t SELECT E'\xff\xc3\t', E'\xe9' FROM generate_series(1, 100)")
    create("japan", "EUC_JP", "CREATE TABLE t (a text, b text); INSERT INTO t SELECT '表表', 'ソ' FROM generate_series(1, 100)")


ALL_FORMATS = [["-Fc"], ["-Fc", "-Z0"], ["-Fd"], ["-Fd", "-Z0", "-j2"], ["-Ft"], ["-Fp"], ["-Fp", "--inserts"], ["-Fc", "--inserts"],
               ["-Fd", "-Z0", "--column-inserts", "--rows-per-insert=7"], ["-Ft", "--load-via-partition-root"],
               ["-Fp", "--load-via-partition-root", "--create", "--clean"], ["-Fp", "--data-only", "--disable-triggers"]]


@pytest.mark.parametrize("database, options", [("ugly", one) for one in ALL_FORMATS] +
                         [(name, one) for name in ("größe", "bytes", "japan") for one in (["-Fc"], ["-Fp"], ["-Fp", "--inserts"])] +
                         [("größe", ["-Fp", "-EUTF8"]), ("japan", ["-Fc", "-ESJIS"]), ("japan", ["-Fp", "-ESJIS"]),
                          ("japan", ["-Ft", "-EUTF8"])],
                         ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_ugly_dumps_are_intact(folder, server, databases, verifier, database, options):
    path = folder / "made.dump"
    program(server, "pg_dump", *options, "-f", str(path), "-d", database)
    verdict = verifier.verify(path)
    assert verdict.outcome == "intact", verdict
    if options[0] == "-Fp":
        # Through Windows, and packed.
        data = path.read_bytes()
        path.write_bytes(data.replace(b"\n", b"\r\n"))
        assert verifier.verify(path).outcome == "intact"
        packed = folder / "made.dump.gz"
        packed.write_bytes(subprocess.run(["gzip", "-c"], check=True, input=data, stdout=subprocess.PIPE).stdout)
        assert verifier.verify(packed).outcome == "intact"
    elif options[0] == "-Fc":
        # What pg_restore makes of it.
        subprocess.run([f"{PG_BIN}/pg_restore", "-f", str(folder / "made.sql"), str(path)], check=True)
        assert verifier.verify(folder / "made.sql").outcome == "intact"


def test_a_cluster_of_several_encodings_is_intact(folder, server, databases, verifier):
    for options in ([], ["--inserts"], ["-EUTF8", "--exclude-database=bytes"]):
        program(server, "pg_dumpall", *options, "-f", str(folder / "all.sql"))
        verdict = verifier.verify(folder / "all.sql")
        assert verdict.outcome == "intact", verdict


HEAD = b"""--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';
"""
CREATE = b"DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (a text, b text, c text);\n"
COPY = b"COPY public.t (a, b, c) FROM stdin;\n"
END = b"""\\.


--
-- PostgreSQL database dump complete
--
"""
NULL = "\\N"
ROWS = b"".join(f"{n}\t{'é' * (n % 4)}\\\\{n * n}\t{NULL if n % 3 else 'x'}\n".encode() for n in range(40))


def restored_rows(server, text):
    """How many rows are there afterwards; None if psql ends with an error."""
    done = program(server, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-", input=text, check=False)
    return None if done.returncode != 0 else int(script(server, "postgres", "\\t\n\\a\nSELECT count(*) FROM public.t",
                                                        stdout=subprocess.PIPE).stdout)


def damaged(generator, rows):
    rows = bytearray(rows)
    at = generator.randrange(len(rows))
    kind = generator.randrange(4)
    if kind == 0:
        rows[at] = generator.choice(b"\t\n\r\\\\..\xc3\xa9\xff0N")
    elif kind == 1:
        del rows[at:at + generator.randrange(1, 5)]
    elif kind == 2:
        at = rows.index(b"\n") + 1 if generator.randrange(3) == 0 else at
        rows[at:at] = generator.choice([b"\\.", b"\\.\n", b"\r", b"\t", b"\\\t", b"\\\n", b"\\"])
    else:
        rows[at] ^= 1 << generator.randrange(8)
    return bytes(rows)


def ends_early(rows):
    """Holds an end mark, or the one behind it does not stand alone in its line: version 15 takes that, with the loss of whatever
    stands behind it, and 18 does not."""
    escape = rb"(?<!\\)(?:\\\\)*\\"
    return re.search(escape + rb"\.", rows) or not rows.endswith(b"\n") or re.search(escape + rb"\n\Z", rows)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_broken_postgres_does_not_restore(folder, server, verifier, seed):
    generator = random.Random(seed)
    path = folder / "damaged.sql"
    assert restored_rows(server, HEAD + CREATE + COPY + ROWS + END) == ROWS.count(b"\n")
    broken = 0
    for _ in range(60):
        rows = damaged(generator, ROWS)
        # psql loses what stands behind a zero byte in its line without a word; what numbers in escapes mean is not looked at.
        if b"\0" in rows or re.search(rb"(?<!\\)(\\\\)*\\[0-7x]", rows):
            continue
        path.write_bytes(HEAD + CREATE + COPY + rows + END)
        verdict = verifier.verify(path)
        count = restored_rows(server, path.read_bytes())
        whole = count is not None and not ends_early(rows)
        assert (verdict.outcome == "intact") == whole, (verdict, rows, count)
        broken += verdict.outcome == "broken"
    assert broken > 15
