"""Who sees damage: real backups, damaged in every way of tests/verify/corpus/damage.py, against drwatch and the tools of
their formats. Writes the table of docs/verification.md; with --classes it prints the long one, a row a class of damage."""

import pathlib
import subprocess
import sys
import tempfile

from bench_support import ROOT

sys.path.insert(0, str(ROOT / "tests/verify/corpus"))

import artefacts  # noqa: E402
import detect  # noqa: E402

DAMAGES = 24
DAMAGES_OF_BASE_BACKUPS = 6
SEED = 1


def main():
    subprocess.run([ROOT / "scripts/build", "release", "verify_lines"], check=True)
    with tempfile.TemporaryDirectory(prefix="drwatch-detect-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        (folder / "work").mkdir()
        maker = artefacts.Maker(folder / "corpus", SEED)
        verifier = detect.Verifier(ROOT / "build/release/tests/verify_lines")
        try:
            made = maker.make()
            run = detect.Run(verifier, folder / "work", SEED, with_tools=True)
            for artefact in made:
                print(artefact.name, file=sys.stderr, flush=True)
                run.artefact(artefact, DAMAGES_OF_BASE_BACKUPS if artefact.kind.startswith("base") else DAMAGES)
        finally:
            verifier.close()
            maker.close()
    if "--classes" in sys.argv:
        print(detect.class_table(made, run))
    text = detect.table(made, run)
    print(text)
    page = ROOT / "docs/verification.md"
    begin, end = "<!-- detection -->", "<!-- /detection -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
    for line in run.wrong:
        print(line, file=sys.stderr)
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
