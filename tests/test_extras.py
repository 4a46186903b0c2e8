"""The extra `ingest` is enough for the service, in an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ABSENT = ("pandas", "numpy", "airflow", "statsmodels", "pyarrow", "matplotlib")


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return str(done.stdout)


@pytest.fixture(scope="module")
def ingest_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the extra `ingest` alone, at the versions of the lock."""
    folder = tmp_path_factory.mktemp("ingest-extra")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^[a-z0-9][^\s\\]*==[^\\\n]+", lock, flags=re.MULTILINE)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pin.strip() for pin in pins) + "\n", encoding="utf-8")
    python = folder / "venv" / "bin" / "python"
    wanted = f"{ROOT}[ingest]"
    if uv := shutil.which("uv"):
        run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
        run(uv, "pip", "install", "--quiet", "--python", python, "-c", constraints, wanted)
    else:
        run(sys.executable, "-m", "venv", folder / "venv")
        run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, wanted)
    return python


def test_ingest_extra_brings_neither_pandas_nor_airflow(ingest_python: Path) -> None:
    code = (
        "import importlib.util as u; "
        f"print([name for name in {ABSENT!r} if u.find_spec(name) is not None])"
    )
    assert run(ingest_python, "-c", code).strip() == "[]"


def test_ingest_extra_has_every_module_of_the_service(ingest_python: Path) -> None:
    code = (
        "import ingest.service, ingest.loader, ingest.reingest, ingest.decoders, "
        "livinglab.store.sqlite, livinglab.store.influx, livinglab.config; print('ok')"
    )
    assert run(ingest_python, "-c", code).strip() == "ok"


def test_service_starts_with_the_ingest_extra(ingest_python: Path, tmp_path: Path) -> None:
    """It runs, says that there is no broker, and ends at once when it is told to."""
    environment = os.environ | {
        "LIVINGLAB_CONFIG": str(ROOT / "config"),
        "LIVINGLAB_STATE_DIR": str(tmp_path),
        "LIVINGLAB_BROKER": "mqtt://127.0.0.1:1",
        "LIVINGLAB_HTTP_PORT": "0",
    }
    process = subprocess.Popen(
        [ingest_python.parent / "livinglab", "ingest"],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "broker_unavailable" in line:
                break
        else:
            pytest.fail("the service ended without a word about the broker")
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_check_runs_with_the_ingest_extra(ingest_python: Path) -> None:
    said = run(ingest_python.parent / "livinglab", "check", "--config", ROOT / "config")
    assert "no problems" in said
