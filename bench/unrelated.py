"""What code that a claim does not depend on costs: `python bench/unrelated.py 3`.

The core of the fix, as it is bundled, and with as much code again: functions that any task may call, with fields, locks
and pointers of their own. For each claim that is to be proved, the seconds of processor time of both, the least of some
runs, and their ratio.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from verify.api import Options, judge_of, judged, select
from verify.resources import specs_root

FIELDS, CALLS, FUNCTIONS = "    ghost bool is_kernel_thread", "            ptrace_detach(", "void user(void)"
FIELD = """\
    spinlock_t other_lock{n};
    unsigned   other_count{n} : 2;
    bool       other_flag{n};
    struct task *other_task{n};
"""
FUNCTION = """\
void other{n}(struct task *task)
{{
    if (task == current)
        return;
    spin_lock(&task->other_lock{n});
    if (task->other_count{n} == 2 && !task->other_flag{n}) {{
        task->other_flag{n} = true;
        task->other_task{n} = current;
    }} else
        task->other_count{n} = nondet() ? 2 : 1;
    spin_unlock(&task->other_lock{n});
}}

"""
CALL = "            other{n}(any(struct task));\n"


def doubled(text: str) -> str:
    """The program with at least as many lines again."""
    lines = (FIELD + FUNCTION + CALL).count("\n")
    more = range(1, 2 + text.count("\n") // lines)
    for mark, part in ((FIELDS, FIELD), (CALLS, CALL), (FUNCTIONS, FUNCTION)):
        text = text.replace(mark, "".join(part.format(n=n) for n in more) + mark, 1)
    return text


def seconds(path: Path, claim: str) -> float:
    """The processor time that one claim takes, from the text to the verdict."""
    began = time.process_time()
    selection = select(str(path), Options())
    result = judged(next(c for c in selection.claims if c.name == claim), judge_of(selection, Options()))
    if not result.holds:
        sys.exit(f"{claim}: {result.verdict}")
    return time.process_time() - began


def main() -> None:
    """Time every claim some times, 3 unless told."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    text = (specs_root() / "core.kc").read_text(encoding="utf-8")
    claims = [c.name for c in select("core.kc", Options()).claims if c.kind == "prove"]
    with tempfile.TemporaryDirectory() as folder:
        plain, more = Path(folder) / "core.kc", Path(folder) / "doubled.kc"
        plain.write_text(text, encoding="utf-8")
        more.write_text(doubled(text), encoding="utf-8")
        count = [path.read_text(encoding="utf-8").count("\n") for path in (plain, more)]
        sys.stdout.write(f"{count[0]} lines, and {count[1]}\n")
        for claim in claims:
            least = [min(seconds(path, claim) for _ in range(runs)) for path in (plain, more)]
            sys.stdout.write(f"{claim}  {least[0]:.2f} s  {least[1]:.2f} s  ratio {least[1] / least[0]:.2f}\n")


if __name__ == "__main__":
    main()
