"""Build the test server influxd 2.9.1 once, from Go modules and Rust crates, into a cache folder.

`influxd/go.mod` and `go.sum` pin everything; they are apart from the project because they would
force hundreds of requirements on it. Made once, in an empty folder, by

    go mod init example.test/influxd && go mod edit -go=1.25.10
    go get -tool github.com/influxdata/influxdb/v2/cmd/influxd@v2.9.1 \\
        github.com/influxdata/pkg-config@v0.3.0
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.process import ServiceMissingError

MODULE = Path(__file__).parent / "influxd"
VERSION = "v2.9.1"
TAGS = "sqlite_json,sqlite_foreign_keys"
# Without the version the server calls itself `dev`, which client libraries may treat differently.
LDFLAGS = f"-s -w -X main.version={VERSION}"
# RUSTUP_TOOLCHAIN: flux pins 1.83, which is not installed. GOFLAGS also drops -modcacherw, with
# which cargo would write into the module cache.
SETTINGS = {"RUSTUP_TOOLCHAIN": "stable", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
PRECONDITIONS = ("go", "cargo", "rustc", "pkg-config", "gcc")
INSTRUCTION = (
    "the tests need a real InfluxDB 2.x: put `influxd` 2.x on PATH, or start a Docker engine, or "
    "name a running server in LIVINGLAB_TEST_INFLUX_URL, _TOKEN and _ORG, or install {missing} so "
    "that it can be built (Go 1.25.10, Rust 1.83 or newer, gcc, pkg-config; six minutes, once)"
)


def find_tools() -> dict[str, str]:
    """Paths of the tools the build needs; ServiceMissingError names the missing ones."""
    home = Path.home()
    extra = [home / ".cargo/bin", Path("/usr/local/go/bin"), Path("/usr/lib/go/bin")]
    places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, extra)])
    found = {name: shutil.which(name, path=places) for name in PRECONDITIONS}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise ServiceMissingError(INSTRUCTION.format(missing=", ".join(missing)))
    return {name: str(path) for name, path in found.items()}


def cache_folder(tools: dict[str, str]) -> Path:
    """Where the binary belongs: named after everything that goes into it."""
    digest = hashlib.sha256()
    for part in (MODULE / "go.mod", MODULE / "go.sum"):
        digest.update(part.read_bytes())
    digest.update(f"{TAGS} {LDFLAGS}".encode())
    for command in ([tools["go"], "version"], [tools["rustc"], "--version"]):
        digest.update(subprocess.check_output(command, env={**os.environ, **SETTINGS}, cwd=MODULE))
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "livinglab" / f"influxd-{digest.hexdigest()[:16]}"


@contextmanager
def locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold an advisory lock, so that two runs do not build at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run builds influxd; waiting for it ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def progress(say: Callable[[str], None], text: str) -> Iterator[None]:
    """Say how long it has taken, every 15 seconds: a silent five minutes look like a hang."""
    done, began = threading.Event(), time.monotonic()

    def report() -> None:
        while not done.wait(15):
            say(f"{text}: {time.monotonic() - began:.0f} s ...")

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _run(command: list[str], environment: dict[str, str]) -> None:
    ran = subprocess.run(
        command, cwd=MODULE, env=environment, check=False, capture_output=True, text=True
    )
    if ran.returncode:
        message = f"building influxd failed: {' '.join(command)}\n{ran.stderr[-4000:]}"
        raise ServiceMissingError(message)


def _build(tools: dict[str, str], target: Path, say: Callable[[str], None]) -> None:
    folders = {str(Path(path).parent) for path in tools.values()}
    path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        wrapper, binary = Path(scratch, "pkg-config"), Path(scratch, "influxd")
        environment = {**os.environ, **SETTINGS, "PATH": path}
        packages = "github.com/influxdata"
        with progress(say, "fetching modules for influxd"):
            go = tools["go"]
            _run([go, "build", "-o", str(wrapper), f"{packages}/pkg-config"], environment)
            _run([go, "mod", "download"], environment)
        environment["PKG_CONFIG"] = str(wrapper)
        options = ["-tags", TAGS, "-ldflags", LDFLAGS, "-o", str(binary)]
        with progress(say, "building influxd (once; five to six minutes on two cores)"):
            _run([go, "build", *options, f"{packages}/influxdb/v2/cmd/influxd"], environment)
        target.mkdir(exist_ok=True)
        binary.replace(target / "influxd")


def built_influxd(say: Callable[[str], None]) -> str:
    """Path of the built server; builds it when the cache has none."""
    tools = find_tools()
    folder = cache_folder(tools)
    binary = folder / "influxd"
    with locked(folder.with_suffix(".lock"), say):
        if not binary.exists():
            say(f"no influxd to be had: building {VERSION} into {folder}")
            _build(tools, folder, say)
    return str(binary)
