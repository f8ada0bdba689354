"""A database out of an embedded server into one file, and back into an empty one, by PostgreSQL's own programs.

As this process' user, who may connect as the superuser: the file is ours, not the server account's.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from kuska.infra.postgres.cluster import DATABASE, SUPERUSER, Cluster, environment
from kuska.infra.postgres.errors import ClusterError

_SCHEMAS = "select count(*) from pg_namespace where nspname in ('kuska', 'fhir', 'security')"


def dump(cluster: Cluster, file: Path) -> None:
    """A consistent moment, while others write."""
    _run(cluster, "pg_dump", "--format=custom", f"--file={file}", "--dbname", _dsn(cluster))


def is_empty(cluster: Cluster) -> bool:
    """Nothing of ours is in the database."""
    return _run(cluster, "psql", "-XAtc", _SCHEMAS, "--dbname", _dsn(cluster)).strip() == "0"


def restore(cluster: Cluster, file: Path) -> None:
    """All of it or nothing, and what the planner has to know about it."""
    _run(cluster, "pg_restore", "--single-transaction", "--exit-on-error", "--dbname", _dsn(cluster), str(file))
    _run(cluster, "psql", "-XqAtc", "analyze", "--dbname", _dsn(cluster))


def _dsn(cluster: Cluster) -> str:
    return cluster.dsn(DATABASE, SUPERUSER)


def _run(cluster: Cluster, program: str, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a program of the chosen installation
            [cluster.binaries.program(program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )
    except OSError as error:
        raise ClusterError("embedded.no-program", program=program, folder=str(cluster.binaries.folder)) from error
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise ClusterError("embedded.program-failed", program=program, folder=str(cluster.data), said=said)
    return done.stdout
