"""`prodgen up`: the database, Dagster and the query service, until Ctrl-C.

Belongs here: which processes there are, their addresses and environment. Does not: running them (processes).

Three Dagster processes (code server, daemon, webserver) and the query service. `dagster dev` would start five: it
puts a proxy before the code server, for reloading code that here only a restart changes.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from prodgen_pipeline.cli.processes import Say, Service, supervise
from prodgen_pipeline.core.errors import Busy, ConfigurationError
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.connection import open_databases
from prodgen_pipeline.storage.embedded.places import choose_socket_folder, places_of

_HOST = "127.0.0.1"
_PORTS_TRIED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Where the two programs answer."""

    dagster: str
    api: str


#: Called in a thread of its own once both addresses answer; a number that it returns ends everything with that status.
WhenReady = Callable[[Urls], int | None]


def up(
    settings: Settings,
    *,
    ui_port: int | None = None,
    api_port: int | None = None,
    ready: WhenReady | None = None,
    say: Say = lambda line: print(line, flush=True),
) -> int:
    """Start everything and stay until Ctrl-C, SIGTERM or SIGHUP; returns the exit status, 0 after such an end.

    Ports: None for the configured one or the next that is free, 0 for any. Raises Busy when this home is up already,
    ConfigurationError, DatabaseUnavailable, ChildFailed; nothing is left running then.
    """
    home = settings.require_home()
    stop, outcome = threading.Event(), _Outcome()
    with _signals_set(stop), _alone(home), open_databases(settings, progress=say):
        ui = free_port(settings.serving.ui_port if ui_port is None else ui_port, "dagster", say)
        api = free_port(settings.serving.api_port if api_port is None else api_port, "api", say)
        urls = Urls(dagster=f"http://{_HOST}:{ui}", api=f"http://{_HOST}:{api}")
        services = _services(home, environment(settings), ui, api, urls)
        supervise(services, stop, say=say, when_ready=lambda: _tell(ready, urls, stop, outcome))
    if outcome.error is not None:
        raise outcome.error
    return outcome.status


def environment(settings: Settings) -> dict[str, str]:
    """The variables with which plain `dagster` commands find this home's instance, whose folder is made if need be.

    No database address is among them: it can hold a password, and Dagster's storage asks the settings.
    """
    home = settings.require_home()
    return {"PRODGEN_HOME": str(home), "DAGSTER_HOME": str(dagster_home(home))}


def dagster_home(home: Path) -> Path:
    """Dagster's folder in the home, with this release's dagster.yaml in it."""
    folder = home / "dagster"
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(_shipped("dagster.yaml"), folder / "dagster.yaml")
    return folder


def free_port(wanted: int, what: str, say: Say) -> int:
    """The wanted port, the next one that is free, or any for 0; says so when it is another than the wanted one."""
    for port in range(wanted, wanted + _PORTS_TRIED) if wanted else [0]:
        with socket.socket() as trial:
            # As servers do: a port whose last connections are still winding down is free.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((_HOST, port))
            except OSError:
                continue
            if wanted and port != wanted:
                say(f"port {wanted} is taken: {what} listens on {port}")
            return int(trial.getsockname()[1])
    raise ConfigurationError(f"no port from {wanted} to {wanted + _PORTS_TRIED - 1} is free for {what}: choose another")


@dataclass(slots=True)
class _Outcome:
    status: int = 0
    error: BaseException | None = None


def _services(home: Path, variables: dict[str, str], ui: int, api: int, urls: Urls) -> list[Service]:
    run, logs = home / "run", home / "logs"
    for folder in (run, logs):
        folder.mkdir(mode=0o700, exist_ok=True)
    code = choose_socket_folder(places_of(home)) / "dagster.sock"
    workspace = run / "workspace.yaml"
    location = {"grpc_server": {"socket": str(code), "location_name": "prodgen"}}
    workspace.write_text(json.dumps({"load_from": [location]}))  # JSON is YAML
    code.unlink(missing_ok=True)

    def service(name: str, arguments: list[str], **rest: object) -> Service:
        command = [sys.executable, "-m", *arguments]
        log = logs / f"{name}.log"
        return Service(name=name, command=command, log=log, environment=variables, **rest)  # type: ignore[arg-type]  # fields of Service by name

    code_server = ["prodgen_pipeline.defs.code_server", "api", "grpc", "--module-name", "prodgen_pipeline.definitions"]
    code_server += ["--location-name", "prodgen", "--log-level", "warning", "--socket", str(code)]
    webserver = ["dagster_webserver", "-w", str(workspace), "-h", _HOST, "-p", str(ui), "--log-level", "warning"]
    return [
        service(
            "api",
            ["prodgen_pipeline.serving", "--host", _HOST, "--port", str(api)],
            probe_url=f"{urls.api}/healthz",
            announcement=f"api: {urls.api}",
            grace_seconds=10.0,
        ),
        service("code-server", code_server, makes=code),
        service("daemon", ["dagster._daemon", "run", "-w", str(workspace)], needs=code, grace_seconds=10.0),
        service(
            "webserver",
            webserver,
            needs=code,
            probe_url=f"{urls.dagster}/server_info",
            announcement=f"dagster: {urls.dagster}",
            # It would wait for a browser that is looking, which keeps a connection open.
            grace_seconds=3.0,
        ),
    ]


def _tell(ready: WhenReady | None, urls: Urls, stop: threading.Event, outcome: _Outcome) -> None:
    if ready is None:
        return

    def call() -> None:
        try:
            status = ready(urls)
        except BaseException as error:  # noqa: BLE001 - raised again where the services have ended
            outcome.error, status = error, 1
        if status is not None:
            outcome.status = status
            stop.set()

    threading.Thread(target=call, name="when-ready", daemon=True).start()


@contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal set the event, also where a shell has us ignore them."""

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Be the only `prodgen up` of this home; let go by the kernel, however we end."""
    folder = home / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"prodgen is up on {home} already: use that one, or stop it first") from None
    else:
        yield
    finally:
        os.close(descriptor)


def _shipped(name: str) -> Path:
    """A file of the release: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / name
    return installed if installed.is_file() else package.parent / name
