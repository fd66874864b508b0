"""The box of this machine, and one whose tier is the same on every machine, for tests that run nodes."""

from __future__ import annotations

from dataclasses import replace

from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.engine.sandbox import BoxedProgram, BoxEnd, BoxStanding, RunLimits, Serve

SANDBOX = LocalSandbox()
"""One for all tests of a process, so that its tier is found once."""


class SteadySandbox(LocalSandbox):
    """Says that it is the best of boxes, whatever this machine has, and runs programs in the box that it has."""

    async def standing(self) -> BoxStanding:
        """Full."""
        return self._know(BoxStanding("full"))

    async def run(self, program: BoxedProgram, stdin: bytes, limits: RunLimits, serve: Serve) -> BoxEnd:
        """Run a program in this machine's box."""
        return replace(await SANDBOX.run(program, stdin, limits, serve), tier="full")


def no_box() -> LocalSandbox:
    """The sandbox of a machine on which nothing holds a program."""
    return LocalSandbox(tiers=())
