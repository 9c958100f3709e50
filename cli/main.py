"""The command `carbonsched`: its subcommands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from cli import (
    demo,
    disclose,
    doctor,
    evidence,
    footprint,
    intensity,
    jobs,
    local,
    period,
    plan,
    policy,
    report,
    schema,
    serve,
    settle,
    simulate,
    store,
    submit,
)

app = typer.Typer(
    name="carbonsched",
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    help="""Place training jobs where and when their life-cycle emissions are lowest, run them, account for them.

\b
A first session:
  carbonsched local up
  carbonsched plan examples/job.yaml
  carbonsched submit examples/job.yaml --wait
  carbonsched report
  carbonsched local down
""",
)

app.command("submit")(submit.submit)
app.command("plan")(plan.plan)
for verb in (jobs.status, jobs.list_jobs, jobs.describe, jobs.wait, jobs.logs, jobs.cancel, jobs.hold, jobs.release):
    app.command(verb.__name__.removesuffix("_jobs"))(verb)
app.command("report")(report.report)
app.command("settle")(settle.settle)
app.command("simulate")(simulate.simulate)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.add_typer(local.app, name="local")
app.add_typer(evidence.app, name="evidence")
app.add_typer(footprint.app, name="footprint")
app.add_typer(disclose.app, name="disclose")
app.add_typer(intensity.app, name="intensity")
app.add_typer(period.app, name="period")
app.add_typer(policy.app, name="policy")
app.add_typer(schema.app, name="schema")
app.command("backup")(store.backup)
app.command("restore")(store.restore)
app.command("export")(store.export)
app.command("import")(store.import_jobs)
app.command("doctor")(doctor.doctor)
app.command("settings")(schema.settings)
app.command("version")(schema.version)

INTERRUPTED: Final = 130
_USAGE: Final = "Usage:"
"""How the help begins that typer raises where a command was given nothing."""


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ["CARBONSCHED_DEBUG"] = "1"


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line; every error raised on purpose becomes `error:` and `hint:`, one line each."""
    from scheduler.domain.errors import CarbonschedError

    # The parser drops `--`, and with it the difference between a job file and the first word of a command.
    cut = arguments.index("--") if arguments[:1] == ["submit"] and "--" in arguments else len(arguments)
    try:
        code = app(args=arguments[:cut], obj=tuple(arguments[cut + 1 :]), standalone_mode=False)
    except CarbonschedError as exc:
        if os.environ.get("CARBONSCHED_DEBUG"):
            raise
        _complain(exc.message, exc.hint)
        return exc.exit_code
    except TyperException as exc:
        if exc.message.startswith(_USAGE):
            sys.stderr.write(f"{exc.message}\n")
        else:
            _complain(exc.format_message(), "carbonsched --help lists the commands, COMMAND --help what each takes")
        return exc.exit_code
    except typer.Exit as exc:
        return exc.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; nobody is left to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # only to keep the interpreter's last flush quiet
        return 128 + signal.SIGPIPE
    return code if isinstance(code, int) else 0


def _complain(message: str, hint: str) -> None:
    """Say what is wrong and the way out, each on one line."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    if hint:
        sys.stderr.write(f"hint: {' '.join(hint.split())}\n")
