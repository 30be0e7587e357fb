"""The commands that serve the flows: ``up``, its parts ``prefect-server``, ``web`` and ``serve``, and ``deploy``."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dicom_sieve.cli.output import text
from dicom_sieve.enumerations import all_of

if TYPE_CHECKING:
    from dicom_sieve.cli.password import Password
    from dicom_sieve.flows.follow_up import Following

servers_app = typer.Typer()
OF_CLIENTS = "PREFECT_API_AUTH_STRING"

Then = Annotated[
    list[str] | None,
    typer.Option(
        "--then",
        metavar="NAME=FILE",
        help="A computation, and JSON with input_s3_parameters and output_s3_parameters: it follows each run that "
        "completed on that bucket. May be given several times.",
    ),
]
ThenSegment = Annotated[
    Path | None,
    typer.Option("--then-segment", metavar="FILE", help="As --then, of segment-series."),
]
ServerHost = Annotated[str, typer.Option(help="Where Prefect's server listens.")]
ServerPort = Annotated[int, typer.Option(min=1, max=65535, help="Its port.")]
NoAuth = Annotated[
    bool, typer.Option("--no-auth", help="Without a password; only where no other machine can reach it.")
]


@servers_app.command(epilog="Example: dicom-sieve up --port 4200")
def up(
    *,
    host: ServerHost = "127.0.0.1",
    port: ServerPort = 4200,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name by which it may be called, as that of a proxy before it."),
    ] = None,
    no_auth: NoAuth = False,
    web_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Of the pages for managers; 0: none. By default one more.")
    ] = None,
    then: Then = None,
    then_segment: ThenSegment = None,
) -> None:
    """Start a Prefect server and the pages for managers, and serve the deployments, until stopped.

    Server and pages want a password: it is made at the first start, and kept in Prefect's directory.
    """
    from dicom_sieve.cli.password import OF_CLIENTS, OF_SERVER
    from dicom_sieve.cli.processes import run_server_and_deployments

    if no_auth:
        _refuse_other_machines(host)
    if no_auth and (named := [name for name in (OF_SERVER, OF_CLIENTS) if os.environ.get(name)]):
        raise typer.BadParameter(f"{' and '.join(named)} gives a password; unset it", param_hint="--no-auth")
    serving = [part for option in then or () for part in ("--then", option)]
    if then_segment is not None:
        serving += ["--then-segment", str(then_segment)]
    pages = port + 1 if web_port is None else web_port
    run_server_and_deployments(host, port, serving, names=allow_host or (), is_open=no_auth, web_port=pages)


@servers_app.command(
    epilog="Example: PREFECT_API_AUTH_STRING=user:password dicom-sieve prefect-server --host 0.0.0.0 "
    "--allow-host prefect"
)
def prefect_server(
    *,
    host: ServerHost = "127.0.0.1",
    port: ServerPort = 4200,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name by which it may be called, as that of its container."),
    ] = None,
    no_auth: NoAuth = False,
) -> None:
    """Start Prefect's server alone, as up starts it: for a machine or a container of its own.

    The password is what PREFECT_API_AUTH_STRING gives; the pages, workers and consumers need the same.
    """
    from dicom_sieve.cli.processes import become_server

    password = _password_for(host, no_auth=no_auth)
    become_server(host, port, allow_host or (), password)


@servers_app.command(
    epilog="Example: PREFECT_API_URL=http://prefect.example.org:4200/api PREFECT_API_AUTH_STRING=user:password "
    "dicom-sieve web --port 4201"
)
def web(
    *,
    host: Annotated[str, typer.Option(help="Where the pages listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Their port.")] = 4201,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A further name by which they may be called, as that of a proxy before them."
        ),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Without a password; only where no other machine can reach them.")
    ] = False,
) -> None:
    """Serve the pages for managers alone, against the ledger and the Prefect server that PREFECT_API_URL names.

    The password is that of Prefect's API, as PREFECT_API_AUTH_STRING gives it; behind a proxy that signs people in,
    DICOM_SIEVE_WEB_USER_HEADER names the header in which it says who they are.
    """
    from dicom_sieve.cli.processes import refuse_taken_port
    from dicom_sieve.settings import load_settings
    from dicom_sieve.web.serve import serve_pages

    password = _password_for(host, no_auth=no_auth)
    refuse_taken_port(host, port)
    text.tell_lines(f"Pages      http://{host}:{port}", "stop with Ctrl-C")
    serve_pages(load_settings(), host, port, allow_host or (), None if password is None else password.text)


@servers_app.command(epilog="Example: PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve serve")
def serve(then: Then = None, then_segment: ThenSegment = None) -> None:
    """Serve the deployments against the Prefect server that PREFECT_API_URL names, until stopped."""
    from dicom_sieve.flows.deployments import deployments, serve_deployments, without_extra
    from dicom_sieve.flows.reach import check_named_server
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.settings import load_settings

    settings = load_settings()
    following = _read_following(then, then_segment)
    check_named_server()
    names = [f"{deployment.flow_name}/{deployment.name}" for deployment in deployments()]
    with open_ledger(settings.database_url.get_secret_value()) as ledger:
        text.tell_lines(f"ledger {ledger.address}; serving {all_of(names)}")
    if missing := without_extra():
        text.tell_lines(missing)
    serve_deployments(settings.runs_in_flight, following=following)


@servers_app.command(
    epilog="Example: PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve deploy --pool dicom"
)
def deploy(
    pool: Annotated[
        str, typer.Option(help="The work pool; one for processes is made where there is none of this name.")
    ],
    then: Then = None,
    then_segment: ThenSegment = None,
) -> None:
    """Leave the deployments on the Prefect server that PREFECT_API_URL names, for the workers of a work pool."""
    from dicom_sieve.flows.deployments import deploy as leave_deployments
    from dicom_sieve.flows.deployments import without_extra

    names = leave_deployments(pool, following=_read_following(then, then_segment))
    text.show_lines(f"deployed {all_of(names)}")
    if missing := without_extra():
        text.show_lines(missing)
    text.show_lines(f"a worker, on any machine: prefect worker start --pool {shlex.quote(pool)}")


def _password_for(host: str, *, no_auth: bool) -> "Password | None":
    """Give the password of the environment; None: there is to be none, and only this machine can ask."""
    from dicom_sieve.cli.password import of_environment

    if no_auth:
        _refuse_other_machines(host)
        return None
    password = of_environment(os.environ)
    if password is None:
        raise typer.BadParameter("is not set; accepted: user:password, or --no-auth", param_hint=OF_CLIENTS)
    return password


def _refuse_other_machines(host: str) -> None:
    """Refuse to listen without a password where other machines can ask."""
    from dicom_sieve.cli.processes import is_loopback

    if not is_loopback(host):
        raise typer.BadParameter(f"other machines can reach {host}; accepted: --host 127.0.0.1", param_hint="--no-auth")


def _read_following(then: list[str] | None, then_segment: Path | None) -> "tuple[Following, ...]":
    """Read what follows each run, before a server is asked."""
    from dicom_sieve.cli.criteria_file import read_json_file
    from dicom_sieve.flows.follow_up import read_following

    asked = {}
    for option in then or ():
        name, sign, file = option.partition("=")
        if not (name and sign and file) or name in asked:
            raise typer.BadParameter(f"{option}: accepted: NAME=FILE, each name once", param_hint="--then")
        asked[name] = read_json_file(Path(file))
    return read_following(asked, None if then_segment is None else read_json_file(then_segment))
