"""foveate submit: another command of foveate as a job on a Ray cluster, with its log and its exit status here."""

from __future__ import annotations

import asyncio
import logging
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.console import BROKE, OK, err, out, run_alone, told_plainly
from jobs.interruption import INTERRUPTED
from pipeline.errors import UsageError

VERBS = ("classify", "search", "savings", "ingest", "train", "calibrate", "doctor")
"""Commands that are worth a cluster."""
CODE = Path(__file__).parents[1]
"""What travels with the job, if it is a checkout: its `.rayignore` keeps the upload small."""
PATIENCE_S = 120
"""With a cluster that is up, but whose head does not take jobs yet."""


def submit(
    command: Annotated[
        list[str],
        typer.Argument(help="After `--`: classify s3://bucket/slides/ --model ... --out s3://..."),
    ],
    address: Annotated[
        str,
        typer.Option(envvar="RAY_ADDRESS", help="Of the cluster's dashboard."),
    ] = "http://127.0.0.1:8265",
    name: Annotated[
        str | None, typer.Option(help="Of the job; Ray makes one up otherwise.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for the job; may be given again.")
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="Show the log until the job ends; --no-wait: only submit.")
    ] = True,
) -> None:
    """Run a command of foveate on a Ray cluster, as `ray job submit` would.

    Paths are the cluster's: give buckets, or what all its machines share. With RAY_AUTH_MODE=token the token of this
    machine is sent along. Ctrl-C stops the job; the same command goes on where it was. Exit status: the command's.
    """
    with told_plainly():
        entrypoint = entrypoint_of(command)
        environment = _environment(env or [])
        client = _client(address)
        _quiet()
        runtime: dict[str, Any] = {"env_vars": environment}
        if (CODE / "pyproject.toml").is_file():
            runtime["working_dir"] = str(CODE)
        job = _submitted(client, entrypoint, name, runtime)
        out.print(f"job {job} on {address}: {entrypoint}", markup=False)
        status = _follow(client, job) if wait else OK
    sys.exit(status)


def entrypoint_of(command: list[str]) -> str:
    """The command as the cluster runs it.

    Raises:
        UsageError: if it is none that is worth a cluster.
    """
    if not command or command[0] not in VERBS:
        found = repr(command[0]) if command else "nothing"
        raise UsageError(
            f"foveate submit: {found} cannot be submitted; wanted one of {', '.join(VERBS)} and its options "
            "after `--`, e.g. foveate submit -- classify s3://bucket/slides/ --model digits --out s3://bucket/run"
        )
    return shlex.join(["python", "-m", f"jobs.{command[0]}", *command[1:]])


def _environment(pairs: list[str]) -> dict[str, str]:
    """`NAME=VALUE` pairs."""
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"--env {pair}: wanted NAME=VALUE, e.g. AWS_REGION=eu-central-1")
    return dict(pair.split("=", 1) for pair in pairs)


def _quiet() -> None:
    """Ray lists every file that it leaves behind."""
    logging.getLogger("ray._private.runtime_env.packaging").setLevel(logging.WARNING)


def _client(address: str) -> Any:
    try:
        from ray.job_submission import JobSubmissionClient  # not above: it loads Ray

        return JobSubmissionClient(address)
    except (ImportError, ModuleNotFoundError) as error:
        raise UsageError(
            f"foveate submit needs Ray's job client ({error}): pip install 'foveate[cluster]'"
        ) from error
    except Exception as error:  # Ray raises what it likes: ConnectionError, RuntimeError, its own
        raise UsageError(_refusal(address, error)) from error


def _refusal(address: str, error: Exception) -> str:
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"{address}: no job can be submitted there: {said}\n"
        "Wanted the address of a cluster's dashboard (`ray dashboard ray_cluster.yaml` brings it to this machine as "
        "http://127.0.0.1:8265); where it asks for a token, set RAY_AUTH_MODE=token and put the cluster's token into "
        "~/.ray/auth_token or RAY_AUTH_TOKEN"
    )


def _submitted(client: Any, entrypoint: str, name: str | None, runtime: dict[str, Any]) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            job: str = client.submit_job(
                entrypoint=entrypoint, submission_id=name, runtime_env=runtime
            )
        except Exception as error:  # as above
            is_starting = "No available agent" in str(error)
            if not is_starting or time.monotonic() > deadline:
                raise UsageError(_refusal(client.get_address(), error)) from error
            time.sleep(2)
        else:
            return job


def _follow(client: Any, job: str) -> int:
    """Show what the job prints until it ends; its exit status."""
    try:
        asyncio.run(_show(client, job))
    except KeyboardInterrupt:
        client.stop_job(job)
        err.print(f"job {job} is told to stop; submit the same command again to go on")
        return INTERRUPTED
    info = client.get_job_info(job)
    if info.driver_exit_code is None:
        err.print(f"job {job}: {info.status}: {info.message}", markup=False)
        return OK if str(info.status.value) == "SUCCEEDED" else BROKE
    return int(info.driver_exit_code)


async def _show(client: Any, job: str) -> None:
    async for lines in client.tail_job_logs(job):
        sys.stdout.write(lines)
        sys.stdout.flush()


if __name__ == "__main__":
    run_alone(submit)
