"""Makes the results in docs/questions.md anew, from today's code: ``python tools/questions.py``.

Records each bundled workload that the page names, and runs the page's statements.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import flightrec  # noqa: E402
from flightrec.sql.load import Database  # noqa: E402
from flightrec.sql.run import run_statement  # noqa: E402
from tests.tables.conftest import WORKLOADS, record_workload  # noqa: E402

PAGE = ROOT / "docs" / "questions.md"
_QUESTION = re.compile(
    r"(?P<head>Workload: `(?P<workload>\w+)`\.\n\n```sql\n(?P<sql>.*?)\n```\n\n```\n).*?(?=```\n)",
    re.DOTALL,
)
# Of what is wider, the end is cut off.
_WIDTH = 150


def main() -> int:
    """Write the page; returns 0."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.trace" for name in WORKLOADS}
        runtime = flightrec.load()
        for name, file in files.items():
            record_workload(runtime, name, file, duration=0.1)

        def answered(question: re.Match[str]) -> str:
            out = io.StringIO()
            with Database([files[question["workload"]]], strict=True) as database:
                run_statement(database, question["sql"], "table", out)
            lines = out.getvalue().splitlines()
            cut = [one if len(one) <= _WIDTH else f"{one[: _WIDTH - 1]}…" for one in lines]
            return question["head"] + "\n".join(cut) + "\n"

        text, count = _QUESTION.subn(answered, PAGE.read_text("utf-8"))
    PAGE.write_text(text, "utf-8")
    print(f"{PAGE}: {count} answers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
