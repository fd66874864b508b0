"""Nodes that want out, and nodes that only want to work, for tests of the box.

Each hostile node is the body of a function that returns whether it reached its goal; names in capitals are put in by
whoever runs it: `OUT` (a folder outside that its user may write to, with a file `secret`), `PID` (a process of its
user), `TCP`, `UDP` (ports), `UNIX`, `ABSTRACT` (names of sockets where somebody listens).
"""

from __future__ import annotations

PREAMBLE = """
import ctypes, errno, json, os, resource, shutil, signal, socket, subprocess, sys, tempfile, threading, time
from node_runtime import call_tool
libc = ctypes.CDLL(None, use_errno=True)
"""

EPILOGUE = """
try:
    reached = bool(goal())
except BaseException as error:
    reached = False
    sys.stderr.write(f"{type(error).__name__}: {error}")
print(json.dumps({"reached": reached}))
"""

HOSTILE: dict[str, str] = {
    # files
    "reads a file": "return open(OUT + '/secret').read()",
    "reads a file by /proc/self/root": "return open('/proc/self/root' + OUT + '/secret').read()",
    "reads the users of the machine": "return open('/etc/passwd').read()",
    "lists a folder": "return os.listdir(OUT)",
    "lists the root folder": "return 'home' in os.listdir('/')",
    "makes a file": "return open(OUT + '/new', 'w')",
    "appends to a file": "return open(OUT + '/secret', 'a').write('x')",
    "deletes a file": "os.unlink(OUT + '/secret'); return True",
    "renames a file": "os.rename(OUT + '/secret', OUT + '/other'); return True",
    "moves a file in": "os.rename(OUT + '/secret', 'mine'); return True",
    "makes a folder": "os.mkdir(OUT + '/folder'); return True",
    "empties a file by its name": "os.truncate(OUT + '/secret', 0); return True",
    "empties a file by opening it": "os.open(OUT + '/secret', os.O_RDONLY | os.O_TRUNC); return True",
    "reads by a symbolic link": "os.symlink(OUT + '/secret', 'link'); return open('link').read()",
    "leaves a symbolic link behind": "os.symlink(OUT, 'link'); return True",
    "reads by a hard link": "os.link(OUT + '/secret', 'hard'); return open('hard').read()",
    "changes a mode": "os.chmod(OUT + '/secret', 0o777); return os.stat(OUT + '/secret').st_mode & 0o777 == 0o777",
    "changes a mode by raw call": "libc.syscall(452, -100, (OUT + '/secret').encode(), 0o777, 0)\n"
    "return os.stat(OUT + '/secret').st_mode & 0o777 == 0o777",
    "changes a time": "os.utime(OUT + '/secret', (1, 1)); return os.stat(OUT + '/secret').st_mtime == 1",
    "changes an owner": "os.chown(OUT + '/secret', os.getuid(), os.getgid()); return True",
    "sets an attribute": "os.setxattr(OUT + '/secret', 'user.x', b'1'); return True",
    "watches a folder": "return libc.inotify_add_watch(libc.inotify_init(), OUT.encode(), 0xfff) >= 0",
    "opens by openat2": "how = (ctypes.c_uint64 * 3)()\n"
    "return libc.syscall(437, -100, (OUT + '/secret').encode(), how, 24) >= 0",
    "poisons the runtime": "import node_runtime; return open(node_runtime.__file__, 'a').write('x')",
    "poisons its own code": "return open(__file__, 'a').write('x')",
    "poisons the standard library": "return open(json.__file__, 'r+')",
    "replaces the runtime": "import node_runtime; open('n', 'w'); os.replace('n', node_runtime.__file__); return True",
    # what others know
    "reads a secret of the environment": "return 'EVOLVER_TEST_SECRET' in os.environ",
    "reads another's environment": "return open(f'/proc/{PID}/environ').read()",
    "reads its parent's environment": "return open(f'/proc/{os.getppid()}/environ').read()",
    "reads another's memory": "return open(f'/proc/{PID}/mem', 'r+b')",
    "reads another's memory by raw call": "buffer = ctypes.create_string_buffer(16)\n"
    "part = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 16)\n"
    "return libc.process_vm_readv(PID, part, 1, part, 1, 0) >= 0 or ctypes.get_errno() != errno.EPERM",
    "lists another's descriptors": "return os.listdir(f'/proc/{PID}/fd')",
    "has inherited a descriptor": "return [n for n in range(4, 64) if libc.fcntl(n, 1) >= 0]",
    # network
    "connects by TCP": "return socket.create_connection(('127.0.0.1', TCP), 2)",
    "sends by UDP": "return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', UDP))",
    "listens": "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); return True",
    "asks for a name": "return socket.getaddrinfo('localhost', 80)",
    "connects to a socket of a path": "s = socket.socket(socket.AF_UNIX); s.connect(UNIX); return True",
    "connects to an abstract socket": "s = socket.socket(socket.AF_UNIX); s.connect(ABSTRACT); return True",
    "connects with half of a pair": "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "a.sendto(b'x', UNIX + '.d'); return True",
    "makes a socket of any family": """
for family in range(46):
    for kind in (1, 2, 3, 5):
        if libc.socket(family, kind, 0) >= 0:
            return True""",
    "sends a descriptor": "s = socket.socket(fileno=os.dup(3)); socket.send_fds(s, [b'x'], [0]); return True",
    # processes
    "forks": "return os.fork() or os._exit(0)",
    "forks by raw call": "return libc.syscall(56 if os.uname().machine == 'x86_64' else 220, 17, 0, 0, 0, 0) > 0",
    "forks by clone3": "a = (ctypes.c_uint64 * 11)(); a[4] = 17; return libc.syscall(435, a, 88) > 0",
    "starts a program": "return subprocess.run(['/bin/true']).returncode == 0",
    "starts a program in its place": "os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
    "leaves a daemon behind": "os.setsid(); return True",
    "signals another": "os.kill(PID, signal.SIGTERM); return True",
    "signals everybody": "os.kill(-1, signal.SIGTERM); return True",
    "signals by an owner of a pipe": "r, w = os.pipe(); return libc.fcntl(r, 8, PID) >= 0",
    "signals by a descriptor of a process": "return signal.pidfd_send_signal(os.pidfd_open(PID), 0) is None",
    "traces another": "return libc.ptrace(16, PID, 0, 0) >= 0",
    "lowers another's limits": "resource.prlimit(PID, resource.RLIMIT_CORE, (0, 0)); return True",
    "raises its own limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (65536, 65536)); return True",
    "becomes root": "os.setuid(0); return os.getuid() == 0 and OUT in os.listdir('/root')",
    "makes a user namespace": "return libc.unshare(0x10000000) == 0",
    "makes a network namespace": "return libc.unshare(0x40000000) == 0",
    "mounts": "return libc.mount(b'tmpfs', os.getcwd().encode(), b'tmpfs', 0, None) == 0",
    "changes its root": "os.chroot('.'); return True",
    "loads a program into the kernel": "number = 321 if os.uname().machine == 'x86_64' else 280\n"
    "return libc.syscall(number, 0, 0, 0) >= 0 or ctypes.get_errno() != errno.EPERM",
    "goes round the filter by io_uring": "libc.syscall(425, 8, ctypes.create_string_buffer(120))\n"
    "return ctypes.get_errno() != errno.ENOSYS",
    "goes round the filter by other numbers": "return libc.syscall(0x40000000 + 41, 2, 1, 0) >= 0",
    # the terminal
    "opens the terminal": "return open('/dev/tty', 'r+b', buffering=0)",
    "types into the terminal": "import fcntl\nfor n in (0, 1, 2): fcntl.ioctl(n, 0x5412, b'x')\nreturn True",
    # too much
    "starts threads": """
threading.stack_size(32768)
stop = threading.Event()
count = 0
try:
    while count < 600:
        threading.Thread(target=stop.wait, daemon=True).start()
        count += 1
finally:
    stop.set()
return True""",
    "takes memory": "return bytes(2_000_000_000)",
    "takes memory by a file": "return os.write(os.memfd_create('x'), bytes(1_000_000))",
    "takes shared memory": "return open('/dev/shm/x', 'w')",
    "takes memory of the system": "return libc.shmget(0, 1 << 20, 0o1600) >= 0",
    "takes memory by a mapped file": """
import mmap
f = open('big', 'w+b'); f.truncate(1 << 20); return mmap.mmap(f.fileno(), 0)""",
    "fills the disk": """
for n in range(40):
    open(f'f{n}', 'wb').write(bytes(30 << 20))
return True""",
    "fills the disk out of sight": """
kept = []
for n in range(40):
    kept.append(open('f', 'wb')); os.unlink('f'); kept[-1].write(bytes(30 << 20)); kept[-1].flush()
return True""",
    "reserves the disk": "os.posix_fallocate(os.open('f', os.O_RDWR | os.O_CREAT), 0, 30 << 20); return True",
    "makes a file that is too large": "f = open('f', 'wb')\nfor n in range(100): f.write(bytes(1 << 20))\nreturn True",
    "makes many files": "for n in range(100_000): open(f'f{n}', 'w').close()\nreturn True",
    "makes folders in folders": """
for n in range(20_000):
    os.mkdir('d'); os.chdir('d')
return True""",
    "makes a folder that lets nobody in": "os.mkdir('d', 0); os.mkdir('e'); os.mkdir('e/f', 0); return False",
    "computes for ever": "while True: pass",
    "sleeps for ever": "time.sleep(3600); return True",
    "ignores what ends it": """
for n in range(1, 32):
    try: signal.signal(n, signal.SIG_IGN)
    except OSError: pass
while True: pass""",
    "writes for ever": "while True: sys.stdout.write('x' * 100_000)",
    "complains for ever": "while True: sys.stderr.write('x' * 100_000)",
    "answers with a nest": "print('[' * 400_000); return False",
    # tools
    "calls tools for ever": "for n in range(100): call_tool('summarizer', 'x')\nreturn True",
    "calls a tool that it may not": "return call_tool('quick_translator', 'x')",
    "calls a tool that there is not": "return call_tool('../../etc/passwd', 'x')",
    "writes garbage to the tools": "for n in range(1000): os.write(3, b'\\xff' * 10_000 + b'\\n')\nreturn False",
    "writes one endless line to the tools": "while True: os.write(3, b'x' * 100_000)",
    "floods the tools with figures": "for n in range(100_000): os.write(3, b'{\"memory_kb\": 1}\\n')\nreturn False",
    "tells a figure that is no figure": "os.write(3, b'{\"memory_kb\": 1' + b'0' * 4000 + b'}\\n')\nreturn False",
    "asks and never listens": "line = json.dumps({'id': 1, 'tool': 'summarizer', 'prompt': 'x' * 90_000}).encode()\n"
    "while True: os.write(3, line + b'\\n')",
}

BENIGN: dict[str, str] = {
    "a temporary file": """
import json, os, shutil, tempfile
with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile() as named:
    file.write(b"x"); named.write(b"y"); named.flush()
    shutil.copy2(named.name, folder)
    print(json.dumps({"files": len(os.listdir(folder))}))""",
    "threads": """
import json
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(json.dumps({"sum": sum(pool.map(lambda n: n * n, range(100)))}))""",
    "asyncio": """
import asyncio, json
async def main():
    return sum(await asyncio.gather(*(asyncio.sleep(0.001, n) for n in range(10)), asyncio.to_thread(int, "5")))
print(json.dumps({"sum": asyncio.run(main())}))""",
    "csv": """
import csv, io, json
print(json.dumps({"rows": list(csv.DictReader(io.StringIO("a,b\\n1,2\\n")))}))""",
    "dates": """
import json, time
from datetime import datetime, timedelta, timezone
print(json.dumps({"at": str(datetime(2026, 2, 28, tzinfo=timezone.utc) + timedelta(days=1))}))""",
    "regular expressions": """
import json, re
print(json.dumps({"words": re.findall(r"\\b\\w+\\b", "to be or not")}))""",
    "a large JSON": """
import json, sys
data = json.loads(json.dumps([{"n": n, "text": "x" * 50} for n in range(50_000)]))
print(json.dumps({"count": len(data), "text": "x" * 500_000}))""",
    "a database": """
import json, sqlite3
with sqlite3.connect("data.db") as database:
    database.execute("create table t (n)"); database.executemany("insert into t values (?)", [(1,), (2,)])
    print(json.dumps({"sum": database.execute("select sum(n) from t").fetchone()[0]}))""",
    "an archive": """
import json, tarfile, zipfile
open("a.txt", "w").write("x" * 1000)
with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive: archive.write("a.txt")
with tarfile.open("a.tar.gz", "w:gz") as archive: archive.add("a.txt")
tarfile.open("a.tar.gz").extractall("out"); zipfile.ZipFile("a.zip").extractall("out2")
print(json.dumps({"size": len(open("out/a.txt").read()) + len(open("out2/a.txt").read())}))""",
    "numbers": """
import decimal, fractions, hashlib, json, math, random, secrets, statistics, uuid
print(json.dumps({"x": str(decimal.Decimal(1) / 3), "y": hashlib.sha256(b"x").hexdigest()}))""",
}
