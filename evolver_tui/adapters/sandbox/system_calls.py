"""The system calls that a program in a box has, as the filter that the kernel is given (seccomp(2)).

What is not listed does not exist: no new process or program, no socket beyond a pair of its own, no signal to others,
no change of owners, modes and attributes (Landlock does not hold these). The filter is made outside, once for all runs,
and put on by `guard.py`.
"""

from __future__ import annotations

import struct
import sys
from functools import cache

# --- system calls: name, number on x86_64, number on aarch64 (Linux's unistd.h) ------------------------------------

ALLOWED = """
read:0:63 write:1:64 close:3:57 fstat:5:80 lseek:8:62 mprotect:10:226 munmap:11:215 brk:12:214 rt_sigaction:13:134
rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigpending:127:136 rt_sigtimedwait:128:137 rt_sigsuspend:130:133
pread64:17:67 pwrite64:18:68 readv:19:65 writev:20:66 preadv:295:69 pwritev:296:70 preadv2:327:286 pwritev2:328:287
sched_yield:24:124 mremap:25:216 msync:26:227 madvise:28:233 dup:32:23 dup2:33:- dup3:292:24 nanosleep:35:101
getitimer:36:102 setitimer:38:103 alarm:37:- pause:34:- getpid:39:172 sendfile:40:71 recvfrom:45:207 recvmsg:47:212
shutdown:48:210 getsockname:51:204 getpeername:52:205 setsockopt:54:208 getsockopt:55:209 exit:60:93 exit_group:231:94
uname:63:160 flock:73:32 fsync:74:82 fdatasync:75:83 ftruncate:77:46 getcwd:79:17 chdir:80:49 fchdir:81:50 umask:95:166
gettimeofday:96:169 time:201:- getrlimit:97:163 getrusage:98:165 sysinfo:99:179 times:100:153 getuid:102:174
getgid:104:176 geteuid:107:175 getegid:108:177 getppid:110:173 getgroups:115:158 getresuid:118:148 getresgid:120:150
getpgid:121:155 getpgrp:111:- getsid:124:156 capget:125:90 sigaltstack:131:132 statfs:137:43 fstatfs:138:44
gettid:186:178 futex:202:98 sched_getaffinity:204:123 sched_getparam:143:121 sched_getscheduler:145:120
sched_get_priority_max:146:125 sched_get_priority_min:147:126 getpriority:140:141 restart_syscall:219:128
fadvise64:221:223 clock_gettime:228:113 clock_getres:229:114 clock_nanosleep:230:115 epoll_create:213:-
epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:- epoll_pwait:281:22 epoll_pwait2:441:441 eventfd2:290:19
pipe:22:- pipe2:293:59 poll:7:- ppoll:271:73 select:23:- pselect6:270:72 stat:4:- lstat:6:- newfstatat:262:79
statx:332:291 access:21:- faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78 getdents64:217:61
mkdir:83:- mkdirat:258:34 rmdir:84:- unlink:87:- unlinkat:263:35 rename:82:- renameat:264:38 renameat2:316:276 link:86:-
linkat:265:37 set_robust_list:273:99 set_tid_address:218:96 getcpu:309:168 getrandom:318:278 copy_file_range:326:285
rseq:334:293 close_range:436:436
"""

WITHOUT_EFFECT = """
chmod:90:- fchmod:91:52 fchmodat:268:53 utime:132:- utimes:235:- futimesat:261:- utimensat:280:88
"""
"""They answer that all is well, so that a file can be copied or unpacked, and change nothing, here or elsewhere."""

UNSUPPORTED = """
getxattr:191:8 lgetxattr:192:9 fgetxattr:193:10 listxattr:194:11 llistxattr:195:12 flistxattr:196:13
"""
"""They answer as a file system does that has no extended attributes."""

LAST_OLD = 423
"""Later system calls are younger than what every C library can do without: they answer that they do not exist."""

LOW = (1 << 32) - 1


OWN_NUMBER = 0x7EADBEEF
"""Stands in a filter for the number of the process that puts it on; no process has it, and no other operand is it."""


def conditions() -> list[tuple[str, list[tuple[int, int, int]]]]:
    """System calls that are allowed if, for each `(half of an argument, mask, value)`, half & mask == value.

    Arguments count from 0 and halves are of 32 bits, so argument n is the halves 2n (low) and 2n + 1 (high).
    """
    new_namespaces, thread, unnamed_file, truncate = 0x7E020000, 0x10000, 0x400000, 0x200
    a_null_4, a_null_2 = [(8, LOW, 0), (9, LOW, 0)], [(4, LOW, 0), (5, LOW, 0)]
    rules = [
        ("clone:56:220", [(0, new_namespaces | thread, thread)]),
        ("kill:62:129", [(0, LOW, OWN_NUMBER)]),
        ("tgkill:234:131", [(0, LOW, OWN_NUMBER)]),
        ("prlimit64:302:261", [(0, LOW, 0), *a_null_2]),  # to read its own
        ("sendto:44:206", a_null_4),  # to nobody but the other end
        ("socketpair:53:199", [(0, LOW, 1), (2, 0xF, 1)]),  # of AF_UNIX, SOCK_STREAM
        ("mmap:9:222", [(6, 0x1, 0)]),  # private
        ("mmap:9:222", [(6, 0x20, 0x20)]),  # or of no file: what is written into a shared one is counted nowhere
    ]
    for name, flags in (("open:2:-", 2), ("openat:257:56", 4)):
        # An older Landlock holds truncation by a file that is opened to be read only as little as one by its name.
        rules.append((name, [(flags, unnamed_file | truncate, 0)]))
        rules += [(name, [(flags, unnamed_file | 3, writing)]) for writing in (1, 2)]
    terminal_size, is_terminal, waiting, blocking, close_on_exec, keep_on_exec = (
        0x5413, 0x5401, 0x541B, 0x5421, 0x5451, 0x5450,
    )  # fmt: skip
    for request in (terminal_size, is_terminal, waiting, blocking, close_on_exec, keep_on_exec):
        rules.append(("ioctl:16:29", [(2, LOW, request)]))
    duplicate, flags_and_locks, locks_of_file, duplicate_closing, pipe_size = (
        [0], range(1, 8), range(36, 39), [1030], [1032],
    )  # fmt: skip
    for command in (*duplicate, *flags_and_locks, *locks_of_file, *duplicate_closing, *pipe_size):
        rules.append(("fcntl:72:25", [(2, LOW, command)]))
    rules += [("prctl:157:167", [(0, LOW, option)]) for option in (15, 16)]  # the thread's name
    return rules


# --- seccomp -------------------------------------------------------------------------------------------------------

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Machine to the column of its numbers above, and to its AUDIT_ARCH."""
_LOAD, _AND, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS, _ENOTSUP = 1, 38, 95


@cache
def system_call_filter(machine: str) -> tuple[bytes, ...]:
    """Instructions of classic BPF over struct seccomp_data, in pieces: between them belong the four bytes of the number
    of the process that the filter is for.

    Raises:
        KeyError: a machine whose system calls are not known here.
    """
    column, architecture = _ARCHITECTURES[machine]
    code = [
        *(_op(_LOAD, 4), _op(_EQUALS, architecture, 1, 0), _op(_RETURN, _KILL)),
        *(_op(_LOAD, 0), _op(_AT_LEAST, 0x40000000, 0, 1), _op(_RETURN, _KILL)),  # x86_64's second set of numbers
    ]
    for names, action in ((ALLOWED, _ALLOW), (WITHOUT_EFFECT, _ERRNO), (UNSUPPORTED, _ERRNO | _ENOTSUP)):
        for name in names.split():
            code += _answer(_number(name, column), action)
    for name, halves in conditions():
        code += _answer_if(_number(name, column), halves)
    code += [_op(_AT_LEAST, LAST_OLD + 1, 0, 1), _op(_RETURN, _ERRNO | _ENOSYS), _op(_RETURN, _ERRNO | _EPERM)]
    return tuple(b"".join(code).split(OWN_NUMBER.to_bytes(4, sys.byteorder)))


def _op(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _number(name: str, column: int) -> int | None:
    number = name.split(":")[1 + column]
    return None if number == "-" else int(number)


def _answer(number: int | None, action: int) -> list[bytes]:
    return [] if number is None else [_op(_EQUALS, number, 0, 1), _op(_RETURN, action)]


def _answer_if(number: int | None, halves: list[tuple[int, int, int]]) -> list[bytes]:
    if number is None:
        return []
    code = [_op(_RETURN, _ALLOW)]
    for half, mask, value in reversed(halves):
        code = [_op(_LOAD, 16 + 4 * half), _op(_AND, mask), _op(_EQUALS, value, 0, len(code)), *code]
    # Afterwards the next question finds the number where it expects it.
    return [_op(_EQUALS, number, 0, len(code)), *code, _op(_LOAD, 0)]
