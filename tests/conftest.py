"""What every test may use."""

from __future__ import annotations

pytest_plugins = ["pytester"]

collect_ignore_glob = ["golden/*"]  # input of the parser's tests, not claims
