"""Names of the standard library, of Python itself and of node_runtime that are known to reach for nothing.

A list of what is allowed: what is not here counts as reached. Left out on purpose is what reads or writes files, runs
text as code, takes the name of an attribute as text, starts something, or hands out a module that it happens to use.
When in doubt a name is left out: the cost is a review. A test walks the standard library of the running Python.
"""

from __future__ import annotations

from collections.abc import Mapping


def words(text: str) -> frozenset[str]:
    """The words of a text, which is how tables of names are written."""
    return frozenset(text.split())


MODULES: Mapping[str, frozenset[str]] = {
    module: words(names)
    for module, names in {
        "__future__": "absolute_import annotations division generator_stop nested_scopes print_function "
        "unicode_literals with_statement",
        "abc": "ABC abstractmethod",
        "array": "ArrayType array typecodes",
        "ast": "literal_eval",
        "base64": "a85decode a85encode b16decode b16encode b32decode b32encode b32hexdecode b32hexencode b64decode "
        "b64encode b85decode b85encode decodebytes encodebytes standard_b64decode standard_b64encode "
        "urlsafe_b64decode urlsafe_b64encode z85decode z85encode",
        "binascii": "Error Incomplete a2b_base64 a2b_hex a2b_qp a2b_uu b2a_base64 b2a_hex b2a_qp b2a_uu crc32 "
        "crc_hqx hexlify unhexlify",
        "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
        "calendar": "APRIL AUGUST DECEMBER FEBRUARY FRIDAY Calendar HTMLCalendar JANUARY JULY JUNE MARCH MAY MONDAY "
        "NOVEMBER OCTOBER SATURDAY SEPTEMBER SUNDAY THURSDAY TUESDAY TextCalendar WEDNESDAY day_abbr day_name "
        "isleap leapdays month month_abbr month_name monthcalendar monthrange setfirstweekday timegm weekday "
        "weekheader",
        "cmath": "acos acosh asin asinh atan atanh cos cosh e exp inf infj isclose isfinite isinf isnan log log10 "
        "nan nanj phase pi polar rect sin sinh sqrt tan tanh tau",
        "collections": "ChainMap Counter OrderedDict UserDict UserList UserString defaultdict deque namedtuple",
        "collections.abc": "AsyncGenerator AsyncIterable AsyncIterator Awaitable Callable Collection Container "
        "Coroutine Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView MutableMapping "
        "MutableSequence MutableSet Reversible Sequence Set Sized ValuesView",
        "colorsys": "hls_to_rgb hsv_to_rgb rgb_to_hls rgb_to_hsv rgb_to_yiq yiq_to_rgb",
        "contextlib": "closing contextmanager nullcontext redirect_stderr redirect_stdout suppress",
        "copy": "Error copy deepcopy replace",
        "csv": "DictReader DictWriter Error QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC QUOTE_NOTNULL "
        "QUOTE_STRINGS Sniffer excel excel_tab field_size_limit reader unix_dialect writer",
        "dataclasses": "FrozenInstanceError InitVar KW_ONLY MISSING asdict astuple dataclass field "
        "is_dataclass replace",
        "datetime": "MAXYEAR MINYEAR UTC date datetime time timedelta timezone tzinfo",
        "decimal": "Clamped Context Decimal DecimalException DivisionByZero FloatOperation Inexact InvalidOperation "
        "MAX_EMAX MAX_PREC MIN_EMIN Overflow ROUND_05UP ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN "
        "ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP Rounded Subnormal Underflow getcontext localcontext setcontext",
        "difflib": "Differ HtmlDiff IS_CHARACTER_JUNK IS_LINE_JUNK SequenceMatcher context_diff get_close_matches "
        "ndiff restore unified_diff",
        "enum": "Enum Flag IntEnum IntFlag StrEnum auto unique",
        "errno": "E2BIG EACCES EAGAIN EBADF EBUSY EEXIST EINTR EINVAL EIO EISDIR ENOENT ENOMEM ENOSPC ENOTDIR EPERM "
        "EPIPE ERANGE ETIMEDOUT errorcode",
        "fractions": "Fraction",
        "functools": "cache cached_property cmp_to_key lru_cache partial reduce total_ordering wraps",
        "graphlib": "CycleError TopologicalSorter",
        "gzip": "compress decompress",
        "hashlib": "algorithms_available algorithms_guaranteed blake2b blake2s md5 new pbkdf2_hmac scrypt sha1 "
        "sha224 sha256 sha384 sha3_224 sha3_256 sha3_384 sha3_512 sha512 shake_128 shake_256",
        "heapq": "heapify heapify_max heappop heappop_max heappush heappush_max heappushpop heappushpop_max "
        "heapreplace heapreplace_max merge nlargest nsmallest",
        "hmac": "HMAC compare_digest digest new",
        "html": "escape unescape",
        "html.entities": "codepoint2name entitydefs html5 name2codepoint",
        "html.parser": "HTMLParser",
        "io": "BufferedReader BufferedWriter BytesIO DEFAULT_BUFFER_SIZE SEEK_CUR SEEK_END SEEK_SET StringIO "
        "TextIOWrapper UnsupportedOperation",
        "ipaddress": "AddressValueError IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network "
        "NetmaskValueError collapse_addresses ip_address ip_interface ip_network summarize_address_range",
        "itertools": "accumulate batched chain combinations combinations_with_replacement compress count cycle "
        "dropwhile filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee "
        "zip_longest",
        "json": "JSONDecodeError JSONDecoder JSONEncoder dump dumps load loads",
        "keyword": "iskeyword issoftkeyword kwlist softkwlist",
        "logging": "CRITICAL DEBUG ERROR FATAL Formatter INFO Logger NOTSET NullHandler StreamHandler WARN WARNING "
        "basicConfig critical debug disable error exception getLevelName getLogger info log warning",
        "math": "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e erf erfc exp "
        "exp2 expm1 fabs factorial floor fma fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt "
        "lcm ldexp lgamma log log10 log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt "
        "sumprod tan tanh tau trunc ulp",
        "node_runtime": "ToolChain call_llm call_tool call_tools_parallel",
        "numbers": "Complex Integral Number Rational Real",
        "operator": "abs add and_ concat contains countOf delitem eq floordiv ge getitem gt iadd iand iconcat "
        "ifloordiv ilshift imatmul imod imul index indexOf inv invert ior ipow irshift is_ is_none is_not "
        "is_not_none isub itemgetter itruediv ixor le length_hint lshift lt matmul mod mul ne neg not_ or_ pos pow "
        "rshift setitem sub truediv truth xor",
        "os": "PathLike cpu_count curdir devnull extsep fsdecode fsencode fspath linesep name pardir sep strerror "
        "urandom",
        "os.path": "abspath altsep basename commonpath commonprefix curdir dirname extsep isabs join normcase "
        "normpath pardir pathsep relpath sep split splitdrive splitext splitroot",
        "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "pprint": "pformat pp pprint saferepr",
        "queue": "Empty Full LifoQueue PriorityQueue Queue SimpleQueue",
        "random": "Random SystemRandom betavariate binomialvariate choice choices expovariate gammavariate gauss "
        "getrandbits getstate lognormvariate normalvariate paretovariate randbytes randint random randrange sample "
        "seed setstate shuffle triangular uniform vonmisesvariate weibullvariate",
        "re": "A ASCII DOTALL I IGNORECASE L LOCALE M MULTILINE Match NOFLAG Pattern PatternError RegexFlag S U "
        "UNICODE VERBOSE X compile error escape findall finditer fullmatch match purge search split sub subn",
        "secrets": "SystemRandom choice compare_digest randbelow randbits token_bytes token_hex token_urlsafe",
        "shlex": "join quote split",
        "statistics": "LinearRegression NormalDist StatisticsError correlation covariance fmean geometric_mean "
        "harmonic_mean kde kde_random linear_regression mean median median_grouped median_high median_low mode "
        "multimode pstdev pvariance quantiles stdev variance",
        "string": "Template ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits "
        "printable punctuation whitespace",
        "struct": "Struct calcsize error iter_unpack pack pack_into unpack unpack_from",
        "sys": "argv byteorder exc_info exit float_info getdefaultencoding getrecursionlimit getsizeof int_info "
        "intern maxsize maxunicode platform setrecursionlimit stderr stdin stdout version version_info",
        "textwrap": "TextWrapper dedent fill indent shorten wrap",
        "time": "altzone asctime ctime daylight get_clock_info gmtime localtime mktime monotonic monotonic_ns "
        "perf_counter perf_counter_ns process_time process_time_ns sleep strftime strptime struct_time time time_ns "
        "timezone tzname",
        "traceback": "format_exc format_exception format_exception_only print_exc print_exception",
        "types": "EllipsisType MappingProxyType NoneType NotImplementedType SimpleNamespace UnionType",
        "typing": "AbstractSet Annotated Any AnyStr AsyncGenerator AsyncIterable AsyncIterator Awaitable BinaryIO "
        "Callable ChainMap ClassVar Collection Concatenate Container ContextManager Coroutine Counter DefaultDict "
        "Deque Dict Final FrozenSet Generator Generic Hashable IO ItemsView Iterable Iterator KeysView List Literal "
        "LiteralString Mapping MappingView Match MutableMapping MutableSequence MutableSet NamedTuple Never NewType "
        "NoReturn NotRequired Optional OrderedDict ParamSpec ParamSpecArgs ParamSpecKwargs Pattern Protocol "
        "ReadOnly Required Reversible Self Sequence Set Sized SupportsAbs SupportsBytes SupportsComplex "
        "SupportsFloat SupportsIndex SupportsInt SupportsRound TYPE_CHECKING Text TextIO Tuple Type TypeAlias "
        "TypeGuard TypeIs TypeVar TypeVarTuple TypedDict Union Unpack ValuesView assert_never assert_type cast "
        "final overload override runtime_checkable",
        "unicodedata": "bidirectional category combining decimal decomposition digit east_asian_width is_normalized "
        "lookup mirrored name normalize numeric unidata_version",
        "urllib": "",
        "urllib.parse": "ParseResult SplitResult parse_qs parse_qsl quote quote_from_bytes quote_plus unquote "
        "unquote_plus unquote_to_bytes urldefrag urlencode urljoin urlparse urlsplit urlunparse urlunsplit",
        "uuid": "NAMESPACE_DNS NAMESPACE_OID NAMESPACE_URL NAMESPACE_X500 UUID uuid3 uuid4 uuid5 uuid6 uuid7 uuid8",
        "warnings": "filterwarnings simplefilter warn",
        "zlib": "DEFLATED MAX_WBITS Z_BEST_COMPRESSION Z_BEST_SPEED Z_DEFAULT_COMPRESSION adler32 compress "
        "compressobj crc32 decompress decompressobj error",
        "zoneinfo": "ZoneInfo ZoneInfoNotFoundError",
    }.items()
}
"""Each module whose import says nothing, with its names that say nothing. Submodules are modules of their own here."""

BUILTINS = words(
    "ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError BrokenPipeError "
    "BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError "
    "ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception "
    "ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError "
    "ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError "
    "KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError None NotADirectoryError NotImplemented "
    "NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError ProcessLookupError "
    "PythonFinalizationError RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning "
    "StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError True "
    "TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError "
    "UnicodeWarning UserWarning ValueError Warning ZeroDivisionError _IncompleteInputError abs aiter all anext any "
    "ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate exit filter float format "
    "frozenset hasattr hash hex id input int isinstance issubclass iter len list map max memoryview min next object "
    "oct ord pow print property quit range repr reversed round set slice sorted staticmethod str sum super tuple type "
    "zip __debug__ __doc__ __file__ __name__"
)
"""Names of Python itself that say nothing."""

ATTRIBUTES = words(
    # Texts, bytes and arrays
    "capitalize casefold center count decode encode endswith expandtabs find fromhex hex index isalnum isalpha "
    "isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower "
    "lstrip maketrans partition removeprefix removesuffix rfind rindex rjust rpartition rsplit rstrip split "
    "splitlines startswith strip swapcase title translate upper zfill tobytes tolist itemsize typecode byteswap "
    "nbytes "
    # Collections
    "add append appendleft clear difference difference_update discard elements extend extendleft fromkeys get "
    "insert intersection intersection_update isdisjoint issubset issuperset items keys maps maxlen most_common "
    "move_to_end new_child parents pop popitem popleft remove reverse rotate setdefault sort subtract "
    "symmetric_difference symmetric_difference_update total union update values default_factory data _asdict _fields "
    "_make _replace cache_clear cache_info empty full get_nowait put put_nowait qsize from_iterable "
    # Numbers
    "as_integer_ratio bit_count bit_length conjugate denominator from_bytes from_float imag is_integer numerator real "
    "to_bytes limit_denominator adjusted as_tuple canonical compare exp is_finite is_infinite is_nan is_signed "
    "is_zero ln log10 normalize number_class prec quantize rounding same_quantum scaleb sqrt start stop step "
    "to_eng_string to_integral to_integral_exact to_integral_value traps flags cdf inv_cdf mean median mode overlap "
    "pdf quantiles samples stdev variance zscore slope intercept betavariate binomialvariate choice choices "
    "expovariate gammavariate gauss getrandbits lognormvariate normalvariate paretovariate randbytes randint random "
    "randrange sample seed shuffle triangular uniform vonmisesvariate weibullvariate dig epsilon mant_dig max_10_exp "
    "max_exp min_10_exp min_exp radix "
    # Dates and times
    "astimezone combine ctime date day days dst fold fromisocalendar fromisoformat fromordinal fromtimestamp hour "
    "isocalendar isoformat isoweekday max microsecond microseconds min minute month now resolution second seconds "
    "strftime strptime time timestamp timetuple timetz today toordinal total_seconds tzinfo tzname utc "
    "utcfromtimestamp utcnow utcoffset utctimetuple week weekday year key tm_gmtoff tm_hour tm_isdst tm_mday tm_min "
    "tm_mon tm_sec tm_wday tm_yday tm_year tm_zone formatmonth formatyear itermonthdates itermonthdays itermonthdays2 "
    "monthdatescalendar monthdayscalendar iterweekdays "
    # Patterns, templates and differences
    "end endpos expand findall finditer fullmatch group groupdict groupindex groups lastgroup lastindex match pattern "
    "pos regs search span string sub subn safe_substitute substitute template get_identifiers is_valid "
    "get_matching_blocks get_opcodes get_grouped_opcodes quick_ratio ratio real_quick_ratio set_seq1 set_seq2 "
    "set_seqs find_longest_match make_table fill wrap a b size "
    # Streams
    "buffer close closed encoding errors flush getvalue getbuffer isatty newlines peek read read1 readable readinto "
    "readline readlines reconfigure seek seekable tell truncate writable write writelines line_num fieldnames dialect "
    "writeheader writerow writerows delimiter sniff has_header "
    # Exceptions
    "add_note args code colno doc end_lineno errno exceptions filename lineno msg offset reason strerror subgroup "
    "text value with_traceback derive tb_lineno print_file_and_line "
    # Digests, packing and identifiers
    "block_size compress decompress digest digest_size hexdigest decompressobj compressobj pack pack_into unpack "
    "unpack_from iter_unpack bytes bytes_le int urn variant version fields node "
    # Paths and addresses, as texts
    "absolute anchor as_posix as_uri drive is_absolute is_relative_to joinpath name parent parts path relative_to "
    "resolve root stem suffix suffixes with_name with_segments with_stem with_suffix full_match fragment geturl "
    "hostname netloc params password port query scheme username url broadcast_address compressed exploded hostmask "
    "hosts ip is_global is_link_local is_loopback is_multicast is_private is_reserved is_unspecified netmask network "
    "network_address num_addresses overlaps packed prefixlen subnet_of subnets supernet supernet_of max_prefixlen "
    "reverse_pointer "
    # Parsers, encoders and logs
    "default item_separator key_separator iterencode object_hook raw_decode feed handle_charref handle_comment "
    "handle_data handle_decl handle_endtag handle_entityref handle_pi handle_startendtag handle_starttag "
    "get_starttag_text getpos rawdata convert_charrefs addHandler critical debug error exception info log "
    "setFormatter setLevel warning isEnabledFor level "
    # Classes
    "auto setter getter deleter major minor micro releaselevel serial prepare is_active get_ready done static_order "
    # node_runtime
    "call then"
)
"""Attributes of values, by name alone: whatever value a node can come by, these reach for nothing.

Three are left to engine/capabilities, since their form decides: `format`, and `replace` and `copy`, which paths have.
"""

DUNDERS = words(
    "__cause__ __context__ __doc__ __enter__ __eq__ __exit__ __hash__ __init__ __init_subclass__ __iter__ "
    "__len__ __members__ __name__ __new__ __next__ __post_init__ __qualname__ __repr__ __str__ __suppress_context__ "
    "__version__"
)
"""Attributes with two underscores that may be read."""

DEFINABLE = words(
    "__abs__ __add__ __aenter__ __aexit__ __aiter__ __all__ __and__ __anext__ __author__ __bool__ __bytes__ __call__ "
    "__contains__ __copyright__ __date__ __delitem__ __description__ __doc__ __email__ __enter__ __eq__ __exit__ "
    "__float__ __floordiv__ __format__ __ge__ __getitem__ __gt__ __hash__ __iadd__ __index__ __init__ __int__ "
    "__iter__ __le__ __len__ __license__ __lt__ __mod__ __mul__ __ne__ __neg__ __new__ __next__ __or__ __pos__ "
    "__post_init__ __pow__ __radd__ __repr__ __reversed__ __rmul__ __round__ __rsub__ __setitem__ __slots__ "
    "__status__ __str__ __sub__ __truediv__ __version__ __xor__"
)
"""Names with two underscores that a node may give to something of its own."""

GUARDED = words(
    # Functions, frames, generators, code and modules
    "ag_await ag_code ag_frame cr_await cr_code cr_frame cr_origin f_back f_builtins f_code f_generator f_globals "
    "f_locals f_trace fdel fget fset func gi_code gi_frame gi_yieldfrom tb_frame tb_next cell_contents mro obj "
    "co_code co_consts exec_module find_module find_spec get_code get_source load_module module_repr create_module "
    "loader "
    # What finds an attribute by a text, or makes one class pass for another; what only paths do to files
    "copy replace convert_field format format_field format_map get_field get_value register vformat "
    # Files, folders and the surroundings
    "chmod copy_into cwd exists expanduser fileno detach raw from_file from_uri fromfile glob group_name hardlink_to "
    "home is_block_device is_char_device is_dir is_fifo is_file is_junction is_mount is_socket is_symlink iterdir "
    "lchmod link_to lstat mkdir move move_into no_cache open owner parser read_bytes read_text readlink rename rglob "
    "rmdir samefile stat symlink_to tofile touch unlink walk write_bytes write_text sourcehook "
    # Loggers
    "manager findCaller callHandlers getChild getChildren handlers loggerDict loggerClass makeRecord setLoggerClass "
    "setLogRecordFactory stream"
)
"""Attributes that reach for something on some value: a node that has one of its own by this name does not hide it."""
