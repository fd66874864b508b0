"""What libraries log of the addresses that they are given."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from evolver_tui.core.address import show_addresses


class _ShowsAddresses(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = show_addresses(record.getMessage()), ()
        return True


_FILTER = _ShowsAddresses()


def hide_secrets_in_log(logger: str) -> None:
    """Let a library's log, wherever somebody listens to it, show addresses as they may be shown.

    Args:
        logger: the name of the very logger that the library writes to.
    """
    logging.getLogger(logger).addFilter(_FILTER)


def keep_off_terminal(logger: str) -> None:
    """Let a library's log, and what is below it, reach those alone who listen to it, and never the terminal."""
    logging.getLogger(logger).addHandler(logging.NullHandler())


@dataclass(frozen=True)
class _LeavesOut(logging.Filter):
    beginning: str

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self.beginning)


def leave_out_of_log(logger: str, beginning: str) -> None:
    """Leave records that begin so out of a library's log: nobody can do anything about them.

    Args:
        logger: the name of the very logger that the library writes to.
    """
    left_out = _LeavesOut(beginning)
    if left_out not in logging.getLogger(logger).filters:
        logging.getLogger(logger).addFilter(left_out)
