"""docker-compose.yml and its images, held against the truth as far as that needs no engine."""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
import yaml

from livinglab.cli import build_app
from livinglab.config import Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_OFF = {"store-init", "airflow-init"}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
#: Keys of a service that this file may use; a misspelt one would be passed over in silence.
KEYS = {
    *("build", "cap_drop", "command", "depends_on", "environment", "group_add", "healthcheck"),
    *("image", "init", "ports", "read_only", "restart", "secrets", "security_opt"),
    *("stop_grace_period", "tmpfs", "user", "volumes"),
}

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def commands(name: str) -> Iterator[list[str]]:
    """The commands of a service, `sh -c` taken apart at &&, redirections left out."""
    given = SERVICES[name].get("command", [])
    if given[:2] != ["sh", "-c"]:
        if given:
            yield given
        return
    for part in given[2].split("&&"):
        words = shlex.split(part.partition(">")[0])
        yield words[1:] if words[0] == "exec" else words


def compose_client() -> list[str] | None:
    """The client that checks the file, where one is installed; it needs no engine for that.

    Version 1 ended in 2023 and does not know the Compose Specification.
    """
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        version = [*command, "version", "--short"]
        answer = subprocess.run(version, capture_output=True, text=True, check=False)
        number = answer.stdout.strip().removeprefix("v").partition(".")[0]
        if answer.returncode == 0 and number.isdigit() and int(number) >= 2:
            return command
    return None


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that an installation has, with its secrets made."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("docker-compose.yml", "Dockerfile"):
        shutil.copy(ROOT / name, folder)
    for name in ("docker", "config"):
        shutil.copytree(ROOT / name, folder / name)
    subprocess.run(["sh", "docker/make-secrets.sh"], cwd=folder, check=True, capture_output=True)
    return folder


def test_file_is_well_formed(checkout: Path) -> None:
    client = compose_client()
    if client:
        subprocess.run([*client, "config", "--quiet"], cwd=checkout, check=True)
    volumes = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
    }
    assert {volume for volume in volumes if not volume.startswith(".")} == set(COMPOSE["volumes"])
    assert all((ROOT / volume).is_dir() for volume in volumes if volume.startswith("."))
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(COMPOSE["secrets"])


@each_service
def test_service_has_known_keys_and_needs_services_that_exist(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= KEYS
    for needed, how in service.get("depends_on", {}).items():
        condition = "completed_successfully" if needed in ONE_OFF else "healthy"
        assert how == {"condition": f"service_{condition}"}
        assert needed in ONE_OFF or "healthcheck" in SERVICES[needed]


@each_service
def test_image_is_pinned(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z]+)?", tag)
    if image.startswith("livinglab-"):
        target = image.removeprefix("livinglab-")
        assert SERVICES[name]["build"] == {"context": ".", "target": target}
        assert f" AS {target}\n" in (ROOT / "Dockerfile").read_text()
        assert tag == VERSION


def test_versions_are_those_of_the_design() -> None:
    assert SERVICES["mosquitto"]["image"].startswith("eclipse-mosquitto:2.")
    assert SERVICES["influxdb"]["image"].startswith("influxdb:2.9")
    locked = (ROOT / "requirements.lock").read_text()
    assert re.search(r"^apache-airflow==3\.3\.", locked, re.MULTILINE)


@each_service
def test_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    if service["image"].startswith("livinglab-"):
        assert "user" not in service  # the image's own, see test_dockerfile_...
    else:
        assert service["user"].split(":")[0] not in {"", "0", "root"}
    assert name in ONE_OFF or ("healthcheck" in service and service["restart"] == "unless-stopped")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_no_secret_stands_in_a_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|KEY|CONN(?!ECT)", variable):
                assert variable.endswith(("_FILE", "_CMD")), f"{name}: {variable}"
            assert not re.search(r"//[^/@]*:[^/@]*@", str(value)), f"{name}: {variable}"
    for secret, source in COMPOSE["secrets"].items():
        assert source == {"file": f"./secrets/{secret}"}
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "secrets" not in (ROOT / ".dockerignore").read_text()  # it lists what goes in
    assert (ROOT / ".dockerignore").read_text().startswith("*\n")


@each_service
def test_secrets_are_given_where_they_are_read(name: str) -> None:
    service = SERVICES[name]
    read = set(re.findall(r"/run/secrets/(\w+)", str(service)))
    given = set(service.get("secrets", ()))
    assert read <= given
    mounted = " ".join(service.get("volumes", ()))
    for folder in re.findall(r"/run/tokens/(\w+)/token", str(service.get("environment"))):
        assert f"{folder}-token:/run/tokens/{folder}:ro" in mounted


def test_each_service_holds_the_token_of_its_role_only() -> None:
    for name, service in SERVICES.items():
        held = set(re.findall(r"(\w+)-token:", " ".join(service.get("volumes", ()))))
        role = {"ingest": "ingest", "grafana": "researcher"}.get(
            name, "airflow" if name.startswith("airflow") else ""
        )
        assert name == "store-init" or held == ({role} if role else set())


@each_service
def test_settings_are_ones_the_product_knows(name: str) -> None:
    known = {f"LIVINGLAB_{key.upper()}" for key in Settings.model_fields}
    known |= {"LIVINGLAB_CONFIG", "LIVINGLAB_STORE_TOKEN_FILE", "LIVINGLAB_BROKER_PASSWORD_FILE"}
    environment = SERVICES[name].get("environment", {})
    ours = {each for each in environment if each.startswith("LIVINGLAB_")}
    assert ours <= known
    given = {
        key: environment[f"LIVINGLAB_{key.upper()}"]
        for key in Settings.model_fields
        if f"LIVINGLAB_{key.upper()}" in ours
    }
    given = {key: int(value) if value.isdigit() else value for key, value in given.items()}
    Settings.model_validate(given)


@each_service
def test_livinglab_commands_exist(name: str) -> None:
    for words in commands(name):
        if words[0] != "livinglab":
            continue
        command: click.Command = typer.main.get_command(build_app())
        rest = words[1:]
        while isinstance(command, click.Group):
            with click.Context(command) as context:
                _, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command = found
        command.make_parser(click.Context(command)).parse_args(list(rest))


def test_airflow_commands_exist(tmp_path: Path) -> None:
    """Airflow's own parser takes every command line."""
    lines = [
        words[1:]
        for name in SERVICES
        for words in [
            *commands(name),
            SERVICES[name].get("healthcheck", {}).get("test", ["", ""])[1:],
        ]
        if words and words[0] == "airflow"
    ]
    assert len(lines) >= 6
    code = (
        "import sys; from airflow.cli.cli_parser import get_parser\n"
        f"for line in {lines!r}: get_parser().parse_args(line)"
    )
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_make_secrets_makes_what_compose_names_and_keeps_it(checkout: Path) -> None:
    folder = checkout / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert made.keys() == set(COMPOSE["secrets"])
    assert folder.stat().st_mode & 0o077 == 0
    assert len(set(made.values())) == len(made)
    assert all(
        len(value) >= 32 and value.isascii() and not value.isspace() for value in made.values()
    )
    assert len(base64.urlsafe_b64decode(made["airflow_fernet_key"])) == 32
    assert made["postgres_password"].isalnum()  # it becomes part of an address
    subprocess.run(["sh", "docker/make-secrets.sh"], cwd=checkout, check=True)
    assert made == {path.name: path.read_text() for path in folder.iterdir()}


def test_every_lab_has_a_broker_password() -> None:
    labs = {path.name for path in (ROOT / "config" / "labs").iterdir() if path.is_dir()}
    users = {each[5:-9] for each in SERVICES["mosquitto"]["secrets"]}
    assert users == labs | {"ingest"}


def test_airflow_connection_reads_the_password_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("abc123\n")
    environment = {"PATH": os.environ["PATH"], "POSTGRES_PASSWORD_FILE": str(secret)}
    said = subprocess.check_output(
        ["sh", str(ROOT / "docker" / "airflow-connection.sh")], env=environment, text=True
    )
    assert said == "postgresql+psycopg://airflow:abc123@postgres:5432/airflow"


def stages() -> dict[str, str]:
    """Dockerfile's stages by name."""
    text = (ROOT / "Dockerfile").read_text()
    parts = re.split(r"^FROM (\S+) AS (\w+)\n", text, flags=re.MULTILINE)[1:]
    return {parts[n + 1]: f"FROM {parts[n]}\n{parts[n + 2]}" for n in range(0, len(parts), 3)}


def test_dockerfile_builds_on_a_pinned_image_and_runs_without_root() -> None:
    found = stages()
    assert re.match(r"FROM python:3\.11\.\d+-slim-bookworm\n", found["base"])
    for name in ("ingest", "airflow"):
        assert found[name].startswith("FROM base\n")
        assert found[name].rindex("\nUSER 10001:10001\n") > found[name].rindex("\nRUN ")
        assert "--require-hashes" in found[name]


def test_dockerfile_copies_files_that_exist_and_are_let_in() -> None:
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for stage in stages().values():
        for line in re.findall(r"^COPY (.+)$", stage, flags=re.MULTILINE):
            for source in line.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in let_in, source


@pytest.mark.parametrize("name", ["ingest", "postgres"])
def test_lock_of_an_image_agrees_with_the_main_lock(name: str) -> None:
    pin = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
    main = set(pin.findall((ROOT / "requirements.lock").read_text()))
    text = (ROOT / "docker" / f"{name}.lock").read_text()
    assert "://" not in text
    ours = pin.findall(text)
    names = {each for each, _ in main}
    assert [each for each in ours if each[0] in names and each not in main] == []
    assert all("--hash=sha256:" in each for each in re.split(r"\n(?=\w)", text))


def test_lock_of_the_ingest_image_has_all_that_the_extra_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["ingest"]
    names = {re.split(r"[<>=\[;]", each)[0].strip().lower() for each in wanted}
    lock = (ROOT / "docker" / "ingest.lock").read_text()
    assert names <= set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
