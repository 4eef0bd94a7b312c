"""What every test may use, and that of slow tests no coverage is measured."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

collect_ignore_glob = ["golden/*"]  # input of the parser's tests, not claims

os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="kcverify-")  # what is kept is kept for one run of the tests

settings.register_profile("the same everywhere", derandomize=True, deadline=None)
settings.load_profile("the same everywhere")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Slow tests run without a trace function, which makes Python twice as slow; the quick ones cover the code."""
    trace = sys.gettrace() if item.get_closest_marker("slow") else None
    if trace is None:
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)
