"""What tests do more cheaply than the service, where nothing is proved by the cost.

The service compiles a template when it is first used, in one app and one renderer. Tests build hundreds of these;
compiling was a third of the time of those that look at pages. A code object depends on the text and on how the
environment reads it, and on nothing that a test could change besides; both are the key under which it is kept.

The sample newspaper is read from its files once, and made once for each start, not once per app; the tree of commands
is built once, not once per command that a test gives (a fifth of a second).

A fault that is logged prints its traceback plainly: with every local value in colours it costs a second and a half.

The sum that a browser works out for a form takes half a second: what tests prove is that it is asked for, right, in
time and used once. `REAL_PROOF_COST` is what the service asks for.
"""

from copy import deepcopy
from functools import cache
from types import CodeType
from typing import Any

import jinja2
import pytest
import structlog
import typer.main
import typer.testing

from digest import proof
from digest.sample import newspaper

REAL_PROOF_COST = proof.COST
_PROOF_COST = 10
_read_toml = cache(newspaper._read_toml)
_read_newspaper = cache(newspaper.read_newspaper)
_compiled: dict[tuple[Any, ...], CodeType | str] = {}


def lower(patch: pytest.MonkeyPatch) -> None:
    """Lower these costs in this process."""
    patch.setattr(proof, "COST", _PROOF_COST)
    patch.setattr(newspaper, "_read_toml", lambda name: deepcopy(_read_toml(name)))
    patch.setattr(newspaper, "read_newspaper", _read_newspaper)
    patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
    for processor in structlog.get_config()["processors"]:
        if isinstance(processor, structlog.dev.ConsoleRenderer):
            processor.exception_formatter = structlog.dev.plain_traceback
    compile_anew = jinja2.Environment.compile

    def compile_once(self: jinja2.Environment, source: Any, *rest: Any) -> Any:  # Any: Jinja's own overloads
        if not isinstance(source, str):  # it is parsed already
            return compile_anew(self, source, *rest)
        ways = (self.autoescape, self.trim_blocks, self.lstrip_blocks, self.keep_trailing_newline, self.undefined)
        key = (source, *rest, type(self), *ways)
        if key not in _compiled:
            _compiled[key] = compile_anew(self, source, *rest)
        return _compiled[key]

    patch.setattr(jinja2.Environment, "compile", compile_once)
