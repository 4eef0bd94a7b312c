"""Structs that `any` never finds an object of: said where nothing is reached because of it, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.api import Options, check_file
from verify.lower.absent import absent
from verify.syntax import load_text

TEXT = """
struct dev {{ bool busy; }};
struct task {{ struct dev *dev; }};
{extra}
void user(void)
{{
    struct dev *dev = any(struct dev);
here> dev->busy = true;
}}
system {{ task user[*] runs {entry}{values}; }}
reach user.here;
"""
MAKE = "void make(void) {{ struct {} *p = new struct {}; if (p) {}; user(); }}"
THERE = {
    "a global": ("struct dev one;", "user", ""),
    "one of each thread": ("", "user", " with { dev = new struct dev; }"),
    "one that is published": (MAKE.format("dev", "dev", "publish(p)"), "make", ""),
}
NONE = {
    "nothing": ("", "user", ""),
    "a pointer": ("struct dev *one;", "user", ""),
    "one that stays private": (MAKE.format("dev", "dev", "current->dev = p"), "make", ""),
    "another is published": ("struct buf { bool b; };" + MAKE.format("buf", "buf", "publish(p)"), "make", ""),
}


def text(parts: tuple[str, str, str]) -> str:
    extra, entry, values = parts
    return TEXT.format(extra=extra, entry=entry, values=values)


@pytest.mark.parametrize("name", [*THERE, *NONE])
def test_it_is_said_where_nothing_is_found_and_only_there(name: str, tmp_path: Path) -> None:
    source = text((THERE | NONE)[name])
    assert absent(load_text(source), "system") == (("dev",) if name in NONE else ())
    path = tmp_path / "a.kc"
    path.write_text(source)
    (claim,) = check_file(str(path), Options(tasks=2)).claims
    assert claim.holds is (name in THERE)
    why = "`any(struct dev)` waits for ever: no `struct dev` is ever published"
    assert claim.reason == ("" if claim.holds else why)


def test_threads_are_found() -> None:
    source = "struct task { bool b; }; void f(void) { any(struct task)->b = true; } system { task f[*] runs f; }"
    assert absent(load_text(source), "system") == ()
