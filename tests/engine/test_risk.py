"""What counts as reached: everything that is on no list of harmless names, by whatever way it is come by."""

from __future__ import annotations

import ast
import builtins
import importlib
import keyword
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.node import Risk
from evolver_tui.engine.checks import harmless_names
from evolver_tui.engine.checks.capabilities import _GUARDED, reaches
from evolver_tui.engine.checks.name_resolution import Names, Tree
from tests.support.drafts import NODE, check, with_lines
from tests.support.reaching_drafts import JSON_CODECS, RE_BUILTINS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _drafts(name: str) -> list[str]:
    """What a file holds: lines for the end of a node, each from one blank line to the next."""
    return (Path(__file__).parent / "drafts" / name).read_text().strip().split("\n\n")


def reached(code: str) -> list[tuple[str, str]]:
    tree = Tree(ast.parse(code))
    return [(reach.capability, reach.what) for reach in reaches(tree, Names(tree))]


# --- modules that are attributes of modules ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "line", "named"),
    [
        (JSON_CODECS, 7, {"writes files: json.codecs.open", "reaches into Python itself: json.codecs"}),
        (RE_BUILTINS, 8, {"runs data as code: re.enum.bltns.eval", "reaches into Python itself: re.enum"}),
    ],
    ids=["json.codecs.open", "re.enum.bltns.eval"],
)
def test_a_module_reached_through_another_is_named_with_what_it_is_used_for(
    code: str, line: int, named: set[str]
) -> None:
    report = check(code)
    assert report.risk is Risk.HIGH
    assert named <= {finding.message for finding in report.findings if finding.line == line}


def _standard_library() -> Iterator[types.ModuleType]:
    """Every module of the running Python that can be imported here without anything happening."""
    loud = {"antigravity", "this", "idlelib", "lib2to3", "turtle", "turtledemo", "tkinter", "test", "__main__"}
    for name in sorted(sys.stdlib_module_names - loud):
        if name.startswith("_"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield importlib.import_module(name)
            except ImportError:
                continue  # of another system


def test_every_module_that_any_module_of_the_standard_library_hands_out_is_named() -> None:
    lines = [
        line
        for module in _standard_library()
        for name, value in vars(module).items()
        if isinstance(value, types.ModuleType) and f"{module.__name__}.{name}" not in harmless_names.MODULES
        if name.isidentifier() and not keyword.iskeyword(name)
        for line in (f"import {module.__name__} as m; m.{name}", f"from {module.__name__} import {name} as m")
    ]
    assert len(lines) > 1000
    assert not [line for line in lines if not reached(line)]


# --- the lists -----------------------------------------------------------------------------------------------------

REACHING = _words(
    "_bootstrap _codecs _ctypes _frozen_importlib _io _posixsubprocess _socket _ssl asyncio builtins codecs ctypes "
    "importlib inspect io multiprocessing nt ntpath os pickle pkgutil posix posixpath runpy shutil socket ssl "
    "subprocess tempfile threading "
)
"""Modules whose functions and classes are on nobody's list of harmless names, their own excepted."""


def _listed() -> Iterator[tuple[str, str, object]]:
    """Every listed name that this Python has, with what it is."""
    for module, names in harmless_names.MODULES.items():
        loaded = importlib.import_module(module)
        for name in names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if hasattr(loaded, name):
                    yield module, name, getattr(loaded, name)


def test_every_listed_name_exists_or_came_or_went_with_a_version() -> None:
    there = {(module, name) for module, name, _ in _listed()}
    listed = {(module, name) for module, names in harmless_names.MODULES.items() for name in names}
    since_then = {
        ("base64", "z85decode z85encode"), ("copy", "replace"), ("csv", "QUOTE_NOTNULL QUOTE_STRINGS"),
        ("calendar", "APRIL AUGUST DECEMBER FEBRUARY JANUARY JULY JUNE MARCH MAY NOVEMBER OCTOBER SEPTEMBER"),
        ("heapq", "heapify_max heappop_max heappush_max heappushpop_max heapreplace_max"), ("itertools", "batched"),
        ("math", "fma sumprod"), ("operator", "is_none is_not_none"), ("os.path", "splitroot"),
        ("random", "binomialvariate"), ("re", "PatternError"), ("statistics", "kde kde_random"),
        ("typing", "ReadOnly TypeIs override"), ("uuid", "uuid6 uuid7 uuid8"),
    }  # fmt: skip
    assert listed - there <= {(module, name) for module, names in since_then for name in names.split()}


def test_no_listed_name_is_a_module_or_comes_from_one_that_reaches() -> None:
    wrong = [
        f"{module}.{name}"
        for module, name, value in _listed()
        if isinstance(value, types.ModuleType)
        or (isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) and _home(value) in REACHING)
        if module not in ("io", "os", "os.path", "pathlib")
    ]
    of_python_itself = {f"types.{name}" for name in harmless_names.MODULES["types"]} | {"typing.Text"}
    assert set(wrong) <= of_python_itself


def _is_module(value: object) -> bool:
    return isinstance(value, types.ModuleType)


def _home(value: object) -> str:
    return (getattr(value, "__module__", None) or "").partition(".")[0]


NEITHER = _words(
    "ASCII CDATA_CONTENT_ELEMENTS DEBUG DOTALL Emax Emin Etiny Etop IGNORECASE LOCALE MAX_DIGEST_SIZE MAX_KEY_SIZE "
    "MULTILINE PERSON_SIZE SALT_SIZE TEMPLATE UNICODE VERBOSE VERSION abs aclose acquire addFilter address_exclude "
    "ag_running ag_suspended asend athrow blocksize braceidpattern buffer_info c_contiguous capitals cast "
    "characters_written check_for_whole_start_tag clamp clear_cache clear_cdata_mode clear_flags clear_traps "
    "clock_seq clock_seq_hi_variant clock_seq_low co_argcount co_cellvars co_exceptiontable co_filename "
    "co_firstlineno co_flags co_freevars co_kwonlyargcount co_lines co_linetable co_lnotab co_name co_names "
    "co_nlocals co_positions co_posonlyargcount co_qualname co_stacksize co_varnames compare_networks compare_signal "
    "compare_total compare_total_mag contiguous converter copy_abs copy_decimal copy_negate copy_sign cr_running "
    "cr_suspended createLock create_decimal create_decimal_from_float cssclass_month cssclass_month_head "
    "cssclass_noday cssclass_year cssclass_year_head cssclasses cssclasses_weekday_head default_msec_format "
    "default_time_format divide divide_int divmod doublequote emit end_offset escapechar f_contiguous f_lasti "
    "f_lineno f_trace_lines f_trace_opcodes fatal filename2 filter firstweekday fma formatException formatMessage "
    "formatStack formatTime formatday formatmonthname formatweek formatweekday formatweekheader formatyearpage "
    "from_decimal from_samples frombytes fromlist fromunicode fromutc getEffectiveLevel get_name getfirstweekday "
    "getstate gi_running gi_suspended goahead handle handleError hasHandlers has_default idpattern indices "
    "ipv4_mapped ipv6_mapped is_canonical is_normal is_package is_qnan is_safe is_site_local is_snan is_subnormal "
    "itermonthdays3 itermonthdays4 keywords kwargs line_buffering lineterminator logb logical_and logical_invert "
    "logical_or logical_xor make_file max_mag message min_mag minus monthdays2calendar multiply n_fields "
    "n_sequence_fields n_unnamed_fields name_from ndim next_minus next_plus next_toward object parse_bogus_comment "
    "parse_comment parse_declaration parse_endtag parse_html_declaration parse_marked_section parse_pi parse_starttag "
    "plus power prmonth prweek pryear quotechar quoting re readinto1 readonly release remainder remainder_near "
    "removeFilter removeHandler reset scanner scope_id send sentence_end_re setStream set_cdata_mode set_name "
    "setfirstweekday setstate shape shift shutdown sixtofour skipinitialspace strides suboffsets task_done tb_lasti "
    "teredo terminator throw time_hi_version time_low time_mid to_sci_string toreadonly tounicode type "
    "unicode_whitespace_trans unknown_decl updatepos usesTime warn with_hostmask with_netmask with_prefixlen "
    "wordsep_re wordsep_simple_re write_through yeardatescalendar yeardays2calendar yeardayscalendar "
)
"""Attributes that are named where they are read, or may be a node's own: they lead to no module, file or code."""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="its attributes were not judged yet: they are all named")
def test_no_listed_attribute_of_any_listed_class_is_a_module_and_each_public_one_was_judged() -> None:
    known = harmless_names.ATTRIBUTES | _GUARDED
    classes = {value for _, _, value in _listed() if isinstance(value, type)}
    classes |= {value for value in vars(builtins).values() if isinstance(value, type)}
    classes |= {value for value in vars(types).values() if isinstance(value, type)}
    classes -= {type, types.ModuleType}
    assert not harmless_names.ATTRIBUTES & harmless_names.GUARDED
    reach = [
        f"{class_.__name__}.{name}"
        for class_ in classes
        for name in harmless_names.ATTRIBUTES
        if _is_module(getattr(class_, name, None))
    ]
    assert not reach
    unjudged = {name for class_ in classes for name in dir(class_) if not name.startswith("_")} - known
    assert not unjudged - NEITHER
    assert not [name for class_ in classes for name in NEITHER if _is_module(getattr(class_, name, None))]


# --- every other way -----------------------------------------------------------------------------------------------

HOSTILE = _drafts("hostile.txt")


@pytest.mark.parametrize("lines", HOSTILE)
def test_no_way_around_the_list_is_low(lines: str) -> None:
    report = with_lines(*lines.split("\n"))
    assert report.risk is not Risk.LOW
    assert any(f.check in report.capabilities and f.line > NODE.count("\n") for f in report.findings)


# --- the usual -----------------------------------------------------------------------------------------------------

USUAL = _drafts("usual.txt")


@pytest.mark.parametrize("lines", USUAL)
def test_what_models_usually_write_stays_low(lines: str) -> None:
    report = with_lines(*lines.split("\n"))
    assert (report.risk, report.capabilities) == (Risk.LOW, ()), report.findings


WAYS = (
    "{}", "({})", "[{}][0]", "({} if data else 0)", "(0 or {})", "(lambda x: x)({})", "(lambda x={}: x)()",
    "{{0: {}}}[0]",
    "(way := {})", "next(iter([{}]))", "[x for x in [{}]][0]", "max([{}], key=str)",
    "getattr({}, 'codecs')", "{}.codecs",
)  # fmt: skip
"""Ways to pass a value on that leave it the same, or step into it."""


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["json.codecs", "re.enum", "sys.modules", "string._re", "os", "main.__globals__", "open"]),
    st.lists(st.sampled_from(WAYS), max_size=4),
)
def test_what_reaches_is_named_however_it_is_passed_on(start: str, ways: list[str]) -> None:
    expression = start
    for way in ways:
        expression = way.format(expression)
    report = with_lines("import os, re, string", "data = 1", f"way = {expression}")
    assert report.risk is not Risk.LOW, expression
