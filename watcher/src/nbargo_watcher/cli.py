"""The command line: `watcher`.

Importing this module, and everything up to `--help`, `--version` and `--check`, stays with the standard library.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from nbargo_shared.errors import ConfigError, NbargoError
from nbargo_watcher.exits import Exit, status_of
from nbargo_watcher.settings import POD_JITTER, PREFIX, Settings, is_on, port, resolve, seconds

_DESCRIPTION: Final = """\
Follows one user's notebook jobs on Argo Workflows and keeps jupyter-scheduler's list of jobs true.

The cluster is the truth; the rows in scheduler.sqlite are made from it, from the files that jobs leave behind, and from
nothing else. So the watcher may be stopped, killed and started at any time, twice at once, or run by hand."""

_EPILOG: Final = """\
examples:
  watcher                               follow the cluster; in a pod no option is needed
  watcher --once                        make the rows true now, and say what was done
  watcher --once --dry-run --output json
                                        say what would be done, for a program

Every option is also an environment variable: --log-level is NBARGO_LOG_LEVEL, --once is NBARGO_ONCE=1; several
namespaces in NBARGO_NAMESPACE have commas between them. The command line comes first.

exit status:
  0  all right
  1  --check: no watcher runs, or it cannot do its work
  2  the command line or the configuration is wrong
  3  the Kubernetes API could not be read
  4  scheduler.sqlite could not be read or written
  5  partly done: objects were set aside, or the end of some jobs could not be found out yet
"""

_NO_VARIABLE: Final = frozenset({"help", "version", "print_completion"})


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the watcher and return its exit status.

    Args:
        argv: The command line without the program's name; None for the process's own.
        environ: The environment; None for the process's own.
    """
    environ = os.environ if environ is None else environ
    try:
        options = parse(argv, environ)
        if options.print_completion:
            return _print_completion(options.print_completion)
        settings = resolve(options, environ)
        return _check(settings) if options.check else _work(settings, environ)
    except NbargoError as error:
        sys.stderr.write(f"watcher: {error}\n")
        return status_of(error)
    except KeyboardInterrupt:
        return 128 + 2


def parse(argv: Sequence[str] | None, environ: Mapping[str, str]) -> argparse.Namespace:
    """Return the options, with the environment's values where the command line says nothing.

    Args:
        argv: The command line without the program's name; None for the process's own.
        environ: The environment.

    Raises:
        ConfigError: A variable's value cannot be used. For an option's, argparse ends the process with status 2.
    """
    parser = make_parser()
    options = parser.parse_args(argv, argparse.Namespace())
    for action in parser._actions:  # noqa: SLF001 - the options are written down once, in make_parser
        variable = variable_of(action)
        said = getattr(options, action.dest, None)
        if said is None and variable:
            value = _from_variable(action, variable, environ) if environ.get(variable) else None
            setattr(options, action.dest, _DEFAULTS.get(action.dest) if value is None else value)
    return options


def variable_of(action: argparse.Action) -> str:
    """Return the environment variable that stands for an option; "" if there is none."""
    return "" if action.dest in _NO_VARIABLE else PREFIX + action.dest.upper()


_DEFAULTS: Final[Mapping[str, Any]] = {
    "once": False,
    "dry_run": False,
    "rebuild": False,
    "until_eof": False,
    "check": False,
    "output": "text",
}


def _from_variable(action: argparse.Action, variable: str, environ: Mapping[str, str]) -> Any:
    text = environ[variable]
    if action.nargs == 0:
        return is_on(text)
    if action.dest == "namespace":
        return [text]
    convert: Callable[[str], Any] = action.type if callable(action.type) else str
    try:
        value = convert(text)
    except ValueError as error:
        raise ConfigError(f"{variable}={text} cannot be used") from error
    if action.choices is not None and value not in action.choices:
        raise ConfigError(f"{variable}={text} is not one of {', '.join(map(str, action.choices))}")
    return value


class _Version(argparse.Action):
    """Looks the version up when it is asked for: what that takes to import would be in every other start, too."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - as above

        sys.stdout.write(f"watcher {version('nbargo-watcher')}\n")
        parser.exit()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line. Defaults are None, so that `parse` sees what was not said."""
    parser = argparse.ArgumentParser(
        prog="watcher",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_what(parser.add_argument_group("what to do"))
    _add_where(parser.add_argument_group("where"))
    _add_telling(parser.add_argument_group("what to tell"))
    parser.add_argument("--version", action=_Version, nargs=0, help="show the program's version number and exit")
    parser.add_argument("--print-completion", metavar="SHELL", help="print a completion script for bash, zsh or tcsh")
    return parser


def _add_what(group: Any) -> None:
    def switch(name: str, text: str) -> None:
        group.add_argument(name, action="store_true", default=None, help=text)

    switch("--once", "make the rows true, print a summary, and end")
    switch("--dry-run", "write nothing; tell the changes")
    switch("--rebuild", "with --once: bring back even rows that a user deleted")
    switch("--check", "ask a running watcher, at its health port or by its heartbeat, whether it does its work")
    switch("--until-eof", "end when standard input is closed: for a program that starts the watcher as its child")


def _add_where(group: Any) -> None:
    def value(name: str, metavar: str, text: str, **more: Any) -> None:
        group.add_argument(name, metavar=metavar, help=text, **more)

    value(
        "--namespace",
        "NAME",
        "where the workflows are; may be repeated (default: the pod's or the context's own)",
        action="append",
    )
    value("--user", "NAME", "whose jobs; a label is made of it (default: JUPYTERHUB_USER, else the login name)")
    value("--db", "PATH", "jupyter-scheduler's database, or its sqlite:/// URL (default: in Jupyter's data directory)")
    value("--staging", "DIR", "jupyter-scheduler's staging directory (default: in Jupyter's data directory)")
    value("--kubeconfig", "PATH", "the cluster (default: KUBECONFIG, the pod's service account, ~/.kube/config)")
    value("--context", "NAME", "a context of the kubeconfig")
    value(
        "--start-jitter",
        "SECONDS",
        "put the first request off by chance, by so many seconds at most, so that many sidecars that start together do "
        f"not all ask at once; 0 turns it off (default: {POD_JITTER:g} in a pod, else 0; never with --once)",
        type=seconds,
    )
    value("--archive", "URL", "argo-server, to ask its archive about workflows that are gone (default: none is asked)")
    value("--archive-token-file", "PATH", "a token for it (default: the credentials for the cluster)")
    value("--archive-ca-file", "PATH", "CA certificates for it (default: the system's)")


def _add_telling(group: Any) -> None:
    group.add_argument("--output", choices=("text", "json"), help="form of the summary of --once (default: text)")
    group.add_argument("--log-format", choices=("console", "json"), help="default: console on a terminal, else json")
    group.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        help="default: info, one line for each change of a row; warning with --once",
    )
    group.add_argument("--health-port", metavar="PORT", type=port, help="answer /healthz, /readyz and /metrics there")


def _print_completion(shell: str) -> int:
    import shtab  # noqa: PLC0415 - for this alone

    if shell not in shtab.SUPPORTED_SHELLS:
        raise ConfigError(
            f"There is no completion for '{shell}'", hint=f"Use one of {', '.join(shtab.SUPPORTED_SHELLS)}"
        )
    sys.stdout.write(shtab.complete(make_parser(), shell=shell) + "\n")
    return Exit.OK


def _check(settings: Settings) -> int:
    from nbargo_watcher import probe  # noqa: PLC0415 - for this alone

    healthy, text = probe.check(settings)
    sys.stdout.write(f"{text}\n")
    return Exit.OK if healthy else Exit.UNHEALTHY


def _work(settings: Settings, environ: Mapping[str, str]) -> int:
    import anyio  # noqa: PLC0415 - start-up: --help and --check need none of this

    from nbargo_watcher import daemon, logs, once  # noqa: PLC0415 - as above

    logs.set_up(form=settings.log_format, level=settings.log_level)
    if not settings.once:
        anyio.run(daemon.run, settings, environ)
        return Exit.OK
    summary = anyio.run(once.run, settings, environ)
    sys.stdout.write((summary.to_json() if settings.output == "json" else summary.to_text()) + "\n")
    return summary.status
