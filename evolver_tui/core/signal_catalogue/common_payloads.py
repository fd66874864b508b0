"""What signals of more than one kind tell."""

from typing import TypedDict


class Nothing(TypedDict):
    """A name says it all."""


class Failure(TypedDict):
    """What went wrong, in a sentence."""

    error: str


class Notice(TypedDict):
    """What a person has to know, in a sentence."""

    notice: str


class ByPerson(TypedDict):
    """Who did it."""

    by: str
