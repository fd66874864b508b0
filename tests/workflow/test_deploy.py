"""What stands in deploy/ is what the program is: parsed, its commands read by our parser, nginx before a gateway."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.cli.parser import make_parser
from evolver_tui.settings.config import Config
from tests.support.gateways import Reader, Servers, gateway, get, post
from tests.support.workflow_process import Serving, servers

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "ARG", "RUN", "ENV", "VOLUME", "USER", "EXPOSE", "ENTRYPOINT", "CMD"} | {
    "STOPSIGNAL"
}


@pytest.fixture(scope="module")
def both() -> Iterator[Servers]:
    """Servers that the tests of this module share."""
    with servers() as started:
        yield started


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file, with merges done."""
    try:
        yaml: Any = import_module("yaml")
    except ImportError:
        pytest.skip("nothing here reads YAML")
    value: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return value


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, with what stands behind each."""
    text = re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Dockerfile").read_text()).replace("\\\n", " ")
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in text.splitlines() if line.strip()]


def test_the_image_is_made_of_what_is_there() -> None:
    assert {name for name, _ in instructions()} <= INSTRUCTIONS
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    for _, words in (each for each in instructions() if each[0] == "COPY"):
        if not words.startswith("--from="):
            for source in words.split()[:-1]:
                assert (ROOT / source).exists()
                assert source in allowed, "it does not reach the builder"
    extras = re.search(r"EXTRAS=(\S+)", (DEPLOY / "Dockerfile").read_text())
    assert extras is not None
    project = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in project for extra in extras[1].split(","))


def test_the_image_has_what_its_build_reads(tmp_path: Path) -> None:
    """With nothing but what is copied, the package's metadata can be made."""
    for _, words in (each for each in instructions() if each[0] == "COPY" and not each[1].startswith("--from=")):
        *sources, target = words.split()
        for source in sources:
            where = tmp_path / target / (source if target == "./" else "")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, where, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, where)
    code = "import hatchling.build as build; print(build.build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", done.stdout.split()[-1]],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "evolver_tui/adapters/web/gateway/page.html" in names


def commands() -> Iterator[list[str]]:
    """What the image runs by itself and what units run, without the program's name."""
    for name, words in instructions():
        if name == "CMD":
            yield re.findall(r'"(.*?)"', words)
    for unit in UNITS:
        (start,) = re.findall(r"(?m)^ExecStart=\S+/evolver-tui (.*)$", unit.read_text())
        yield shlex.split(start)


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_one_of_ours(command: list[str]) -> None:
    assert make_parser(command[0]).parse_args(command).run is not None


def test_the_composition_runs_our_commands_and_names_what_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"nats", "redis", "workflow", "gateway", "nginx"}
    for name in ("workflow", "gateway"):
        service = services[name]
        options = make_parser("workflow").parse_args(service["command"])
        assert options.run is not None
        assert service["environment"].items() >= {"NATS_URL": "nats://nats:4222", "REDIS_HOST": "redis"}.items()
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert set(service["depends_on"]) <= set(services)
    assert "--durable" in services["workflow"]["command"]
    assert "--jetstream" in services["nats"]["command"]
    assert services["workflow"]["deploy"]["replicas"] == 2
    assert services["gateway"]["network_mode"] == "service:nginx"
    for service in services.values():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "nobody else's machine reaches it"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in compose["volumes"]
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[needed]


@pytest.mark.anyio
async def test_the_health_check_tells_a_gateway_that_works_from_one_that_does_not(
    compose: dict[str, Any], both: Servers
) -> None:
    check = compose["services"]["gateway"]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "python", "-c"]

    async def is_healthy(url: str) -> bool:
        code = check[3].replace("http://127.0.0.1:8080", url)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.DEVNULL)
        return await process.wait() == 0

    async with gateway(both) as running:
        assert await is_healthy(running.url)
    assert not await is_healthy(running.url)


@asynccontextmanager
async def nginx(folder: Path, gateway_url: str) -> AsyncIterator[str]:
    """A real nginx with our configuration, on a free port; gives its URL."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    if program is None:
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = await asyncio.to_thread(_write_nginx_config, folder, gateway_url, port)
    process = await asyncio.create_subprocess_exec(program, "-c", str(file), "-e", str(folder / "error.log"))
    try:
        async with asyncio.timeout(60):
            while not await _answers(port):
                assert process.returncode is None, "nginx refuses its configuration"
                await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def _write_nginx_config(folder: Path, gateway_url: str, port: int) -> Path:
    ours = (DEPLOY / "nginx.conf").read_text()
    ours = ours.replace("127.0.0.1:8080", gateway_url.removeprefix("http://"))
    ours = ours.replace("listen 80;", f"listen 127.0.0.1:{port};")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\nworker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log;\n{temporary}\n{ours}\n}}\n"
    )
    return file


async def _answers(port: int) -> bool:
    try:
        _, writing = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writing.close()
    return True


@pytest.mark.anyio
async def test_the_specs_commands_work_through_nginx(tmp_path: Path, both: Servers) -> None:
    with Serving(tmp_path, both[0].url, both[1].port) as service:
        await service.until("workflow.serving")
        async with gateway(both) as running, nginx(tmp_path, running.url) as url:
            reader = await Reader("test", "user1").open(url)
            asked = {"session_id": "test", "user_id": "user1", "message": "Hello, how are you?"}
            accepted = (await post(url, body=asked)).json()
            await reader.until(lambda: reader.told("chunk"))
            assert not reader.told("message_complete"), "chunks come one by one"
            assert (await reader.answer(accepted["message_id"])).startswith("I received your message")
            assert (await get(url, "/", Host="evil.example")).status_code == 403
            assert (await get(url)).json()["active_connections"] == 1
            await reader.cut()
            reader.last_event_id = ""
        assert "api/sse" not in (tmp_path / "access.log").read_text()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_is_one(unit: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    ours = tmp_path / unit.name
    # The program need not be installed where the unit says.
    ours.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text()))
    done = subprocess.run([program, "verify", str(ours)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_variables_of_secrets_are_those_of_the_config() -> None:
    text = "".join(file.read_text() for file in UNITS)
    assert Config().workflow.gateway_token_env in text
    assert Config().workflow.nats_token_env in text
