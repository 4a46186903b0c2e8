"""A real Chromium without a window: what it makes of a page, how that looks, whom it asks.

No request leaves the machine: every name is unknown to it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from services.process import ServiceMissingError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTRUCTION = (
    "the tests need a real browser: install Chromium (Debian: apt-get install chromium) or put "
    "google-chrome on PATH"
)
TIMEOUT_S = 120
ATTEMPTS = 3
FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def find_browser() -> str | None:
    """Path of a Chromium or Chrome."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install_browser(say: Callable[[str], None]) -> str | None:
    """Install the Debian package where this user may, and return the path."""
    apt, sudo = shutil.which("apt-get"), shutil.which("sudo")
    if apt is None or (os.geteuid() != 0 and sudo is None):
        return None
    prefix = [] if os.geteuid() == 0 else [str(sudo), "-n"]
    say("installing the Debian package chromium ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        command = [*prefix, apt, "-q", *arguments]
        subprocess.run(command, check=False, capture_output=True, env=environment)
    return find_browser()


def provide_browser(say: Callable[[str], None]) -> Browser:
    """A browser; ServiceMissingError with an instruction when none is to be had."""
    binary = find_browser() or install_browser(say)
    if binary is None:
        raise ServiceMissingError(INSTRUCTION)
    return Browser(binary)


class Browser:
    """Opens files, each time anew: empty profile, no cache, nothing left behind."""

    def __init__(self, binary: str) -> None:
        self._binary = binary

    def dom(self, page: Path) -> str:
        """The document as the browser has understood it, as text."""
        return self._run(page, "--dump-dom")

    def screenshot(self, page: Path, image: Path, width: int = 1100, height: int = 2000) -> Path:
        """What a window of that size shows, as PNG."""
        self._run(page, f"--screenshot={image}", f"--window-size={width},{height}", made=image)
        return image

    def asked(self, page: Path) -> set[str]:
        """Hosts that anything was asked of while the page was open, the browser's own included."""
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "net.json"
            self._run(page, f"--log-net-log={log}", "--dump-dom", made=log)
            urls = re.findall(r'"url":"([^"]+)"', log.read_text(encoding="utf-8"))
        return {urlsplit(url).hostname or "" for url in urls} - {""}

    def _run(self, page: Path, *options: str, made: Path | None = None) -> str:
        """Run once; again when the browser, not the page, has failed."""
        said = ""
        for _ in range(ATTEMPTS):
            code, out, said = self._attempt(page, options)
            if code == 0 and (out if made is None else made.exists()):
                return out
        message = f"the browser could not open {page}:\n{said[-2000:]}"
        raise RuntimeError(message)

    def _attempt(self, page: Path, options: tuple[str, ...]) -> tuple[int, str, str]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            process = subprocess.Popen(
                [self._binary, *FLAGS, f"--user-data-dir={profile}", *options, page.as_uri()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
            try:
                out, said = process.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its own session: the browser's processes
                out, said = process.communicate()
        return process.returncode, out, said
