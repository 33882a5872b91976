"""Does it run where many of its users are, on Windows? What only Unix has stands in `osfiles.py`, and nowhere else."""

import ast
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.newcomer.documents import ROOT

PACKAGE = ROOT / "pec_tracker"
THE_ONE_PLACE = PACKAGE / "osfiles.py"

# Modules of the standard library that Windows has not.
# fmt: off
UNIX_MODULES = frozenset({
    "crypt", "curses", "fcntl", "grp", "nis", "posix", "pty", "pwd", "readline", "resource", "spwd", "syslog",
    "termios", "tty",
})
# fmt: on

# What `os` has on Unix alone, as far as anybody would use it here.
# fmt: off
UNIX_OS = frozenset({
    "O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOATIME", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_PATH", "O_SYNC",
    "O_TMPFILE", "chown", "fchdir", "fchmod", "fchown", "fdatasync", "fork", "forkpty", "getegid", "geteuid",
    "getgid", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpwnam", "getresuid", "getsid", "getuid",
    "initgroups", "killpg", "lchown", "lockf", "major", "makedev", "minor", "mkfifo", "mknod", "nice", "openpty",
    "pathconf", "posix_fadvise", "posix_fallocate", "posix_spawn", "pread", "preadv", "pwrite", "pwritev",
    "register_at_fork", "sched_getaffinity", "sched_setaffinity", "sendfile", "setegid", "seteuid", "setgid",
    "setgroups", "setpgid", "setpriority", "setsid", "setuid", "statvfs", "sync", "sysconf", "uname", "wait",
    "wait3", "wait4", "waitid", "WEXITSTATUS", "WIFSIGNALED", "WTERMSIG",
})
# fmt: on
WINDOWS_SIGNALS = frozenset({"SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV"})
UNIX_SIGNAL_CALLS = frozenset({"alarm", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait", "siginterrupt"})
UNIX_PLACES = ("/tmp", "/dev/", "/proc/", "/etc/", "/usr/", "/var/", "/bin/", "/home/", "/run/")
PATH_WORDS = ("folder", "path", "file", "root", "place", "directory", "home")

# What may stand there all the same, and why.
_BUNDLE = "a bundle of roots that some systems have; where it is missing, others are looked for"
_LABEL = "a name shown to people, the same on every system; no file is opened by it"
ALLOWED: dict[tuple[str, str], str] = {
    ("anchors.py", "/etc/ssl/certs/ca-certificates.crt"): _BUNDLE,
    ("anchors.py", "/etc/pki/tls/certs/ca-bundle.crt"): _BUNDLE,
    ("anchors.py", "/etc/ssl/ca-bundle.pem"): _BUNDLE,
    ("anchors.py", "/etc/ssl/cert.pem"): _BUNDLE,
    ("render/verify_package.py", "/etc/ssl/certs/ca-certificates.crt"): _BUNDLE,
    ("render/verify_package.py", "/etc/pki/tls/certs/ca-bundle.crt"): _BUNDLE,
    ("render/verify_package.py", "/etc/ssl/cert.pem"): _BUNDLE,
    ("archive/rehash.py", "f'{folder}/{name}'"): "Windows opens it too, and a Path for each of 40,000 files takes time",
    ("archive/scan.py", "f'{folder.parent.name}/{folder.name}'"): _LABEL,
    ("archive/scan.py", "f'{place}/{entry.name}'"): _LABEL,
    ("sandbox/imap_folders.py", "session.open(folder, read_only=read_only)"): "opens no file: an IMAP folder",
    ("service/importing/mail_files.py", "archive.open(member)"): "a member of a zip: bytes",
    ("pec/blocked.py", "archive.open(member)"): "a member of a zip: bytes",
}


def sources() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != THE_ONE_PLACE]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, name.name.partition(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node, node.module.partition(".")[0]


def _attributes(tree: ast.Module, of: str) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == of:
            yield node, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module == of:
            yield from ((node, name.name) for name in node.names)


def unix_modules(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    return ((node, name) for node, name in _imports(tree) if name in UNIX_MODULES)


def unix_calls(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    yield from ((node, f"os.{name}") for node, name in _attributes(tree, "os") if name in UNIX_OS)
    yield from ((node, "time.tzset") for node, name in _attributes(tree, "time") if name == "tzset")
    yield from ((node, "socket.AF_UNIX") for node, name in _attributes(tree, "socket") if name == "AF_UNIX")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "add_signal_handler":
            yield node, node.attr


def unix_signals(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node, name in _attributes(tree, "signal"):
        named = name.startswith("SIG") and name in signal.Signals.__members__ and name not in WINDOWS_SIGNALS
        if named or name in UNIX_SIGNAL_CALLS:
            yield node, f"signal.{name}"


def unix_places(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            if node.value.startswith(UNIX_PLACES):
                yield node, node.value
            if node.value == "HOME":
                yield node, "the variable HOME"


def hard_separators(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """f"{folder}/name" and str(folder) + "/name", where a Path would know the separator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pairs = list(zip(node.values, node.values[1:], strict=False))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            pairs = [(node.left, node.right)]
        else:
            continue
        for before, after in pairs:
            slash = isinstance(after, ast.Constant) and isinstance(after.value, str) and after.value[:1] in {"/", "\\"}
            if slash and any(word in ast.unparse(before).lower() for word in PATH_WORDS):
                yield node, ast.unparse(node)


def text_without_encoding(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and _opens_text(node)
            and not any(word.arg == "encoding" for word in node.keywords)
        ):
            yield node, ast.unparse(node)


def _opens_text(call: ast.Call) -> bool:
    """Whether the call reads or writes text in the machine's own encoding, unless a keyword says otherwise."""
    function = call.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) < 2
    if name in {"run", "Popen", "check_output"}:
        return any(word.arg in {"text", "universal_newlines"} for word in call.keywords)
    if name != "open" or ast.unparse(function) in {"os.open", "webbrowser.open"}:
        return False
    position = 0 if isinstance(function, ast.Attribute) and ast.unparse(function) != "io.open" else 1
    given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[position : position + 1]
    mode = given[0].value if given and isinstance(given[0], ast.Constant) else "r"
    return not (isinstance(mode, str) and "b" in mode)


def renaming_onto(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """`rename` refuses a name that exists on Windows and replaces it on Unix; `replace` is the same everywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("path.rename"):
            yield node, ast.unparse(node)
    yield from ((node, "os.rename") for node, name in _attributes(tree, "os") if name == "rename")


def forked_workers(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("get_context", "set_start_method")):
            chosen = {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
            if chosen & {"fork", "forkserver"}:
                yield node, ast.unparse(node)


def glibc_formats(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """%-d and %s are the C library's own; on Windows they are errors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("strftime"):
            for arg in node.args:
                if isinstance(arg, ast.Constant) and any(odd in str(arg.value) for odd in ("%-", "%s", "%e", "%k")):
                    yield node, ast.unparse(node)


Scan = Callable[[ast.Module], Iterator[tuple[ast.AST, str]]]
SCANS: tuple[Scan, ...] = (
    unix_modules,
    unix_calls,
    unix_signals,
    unix_places,
    hard_separators,
    text_without_encoding,
    renaming_onto,
    forked_workers,
    glibc_formats,
)


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.__name__)
def test_nothing_but_osfiles_needs_unix(scan: Scan) -> None:
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}: {what}"
        for path in sources()
        for node, what in scan(tree_of(path))
        if (path.relative_to(PACKAGE).as_posix(), what) not in ALLOWED
    ]
    assert found == []


def test_what_is_allowed_is_still_there() -> None:
    found = {
        (path.relative_to(PACKAGE).as_posix(), what)
        for path in sources()
        for scan in SCANS
        for _node, what in scan(tree_of(path))
    }
    assert set(ALLOWED) <= found


@pytest.mark.parametrize(
    ("scan", "source"),
    [
        (unix_modules, "import fcntl"),
        (unix_modules, "from pwd import getpwnam"),
        (unix_calls, "import os\nos.geteuid()"),
        (unix_calls, "from os import O_DIRECTORY"),
        (unix_signals, "import signal\nsignal.SIGHUP"),
        (unix_places, "Path('/tmp/x')"),
        (unix_places, "os.environ['HOME']"),
        (hard_separators, "f'{folder}/name'"),
        (hard_separators, "str(path) + '/name'"),
        (text_without_encoding, "open('x')"),
        (text_without_encoding, "path.open('w')"),
        (text_without_encoding, "path.write_text(words)"),
        (text_without_encoding, "subprocess.run(['x'], text=True)"),
        (renaming_onto, "os.rename(a, b)"),
        (forked_workers, "multiprocessing.get_context('fork')"),
        (glibc_formats, "at.strftime('%-d/%m')"),
    ],
)
def test_each_scan_sees_what_it_looks_for(scan: Scan, source: str) -> None:
    assert list(scan(ast.parse(source)))


@pytest.mark.parametrize(
    ("scan", "source"),
    [
        (unix_signals, "signal.SIGTERM; getattr(signal, 'SIGHUP', None)"),
        (unix_places, '"""Says /tmp in words."""'),
        (hard_separators, "folder / 'name'; f'{address}/x'"),
        (text_without_encoding, "open('x', 'rb'); path.read_text('utf-8'); path.open('w', encoding='utf-8')"),
        (text_without_encoding, "os.open(path, flags); path.write_text(words, 'utf-8'); stream.open('wb')"),
    ],
)
def test_no_scan_sees_ghosts(scan: Scan, source: str) -> None:
    assert list(scan(ast.parse(source))) == []
