"""The embedded server's configuration, sized from the machine. Durability is not for sale here.

A text is written over `postgresql.conf` at each start, so that a machine that grew or shrank is used as it is;
what an operator wants otherwise goes into `local.conf` beside it, which is read last.
"""

from __future__ import annotations

from collections.abc import Mapping

from kuska.infra.postgres.machine import MIB, Machine


def settings(machine: Machine, *, compression: str) -> dict[str, str]:
    return _ACCESS | _DURABLE | _VACUUM | _QUIET | _sized(machine) | {"wal_compression": compression}


# Only the socket in the data folder, only for the operating-system users that pg_ident.conf names.
_ACCESS = {"listen_addresses": "", "unix_socket_permissions": "0700"}

# A confirmed write survives the loss of power.
_DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_buffers": "16MB",
    "idle_in_transaction_session_timeout": "60s",
}

# Statistics and visibility come by themselves soon after a large load.
_VACUUM = {
    "autovacuum_naptime": "10s",
    "autovacuum_max_workers": "3",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "1000",
    "default_statistics_target": "200",
}

# Statements and their values are clinical data: errors are logged without them.
_QUIET = {
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "datestyle": "iso, ymd",
}


def _sized(machine: Machine) -> dict[str, str]:
    # The application and the files' cache live on the same machine: a sixth for PostgreSQL's own buffers.
    shared = _between(machine.memory // 6, 32 * MIB, 8192 * MIB)
    wal = _between(min(machine.memory // 8, machine.free_disk // 20), 256 * MIB, 8192 * MIB)
    return {
        "max_connections": str(_between(machine.cores * 20, 60, 300)),
        "max_wal_size": _mb(wal),
        "min_wal_size": _mb(min(wal, 256 * MIB)),
        "shared_buffers": _mb(shared),
        "effective_cache_size": _mb(machine.memory // 2),
        "work_mem": _mb(_between(machine.memory // 512, 4 * MIB, 64 * MIB)),
        "maintenance_work_mem": _mb(_between(machine.memory // 32, 64 * MIB, 1024 * MIB)),
        "huge_pages": "try",
        # Parallel plans pay from four cores on; below, they only take the core of another request.
        "max_parallel_workers_per_gather": "2" if machine.cores >= 4 else "0",
        "dynamic_shared_memory_type": "posix" if machine.shared_memory >= 256 * MIB else "mmap",
        # Short, indexed statements: compiling them costs more than it saves.
        "jit": "off",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "64",
    }


def text(chosen: Mapping[str, str], *, sockets: str) -> str:
    # A list value: a path is quoted inside it, so that commas in it are its own.
    quoted = ('"' + sockets.replace('"', '""') + '"').replace("'", "''")
    lines = [
        "# Written by Kuska at every start: change local.conf beside this file instead.",
        *(f"{name} = '{value}'" for name, value in chosen.items()),
        f"unix_socket_directories = '{quoted}'",
        "include_if_exists = 'local.conf'",
    ]
    return "\n".join(lines) + "\n"


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _mb(value: int) -> str:
    return f"{value // MIB}MB"
