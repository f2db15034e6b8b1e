"""PostgreSQL: version, privileges, migrations, notifications, clock."""

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from libs.db.listening import listening

from .outcome import Outcome, Outcomes, Patient

OLDEST_VERSION = 14
LARGEST_SKEW_SECONDS = 5.0
NOTIFY_WITHIN_SECONDS = 5.0
CHANNEL = "doctor"

patient = Patient(subject="database")


def examine_database() -> Outcomes:
    """Look at the database through the connection that every process uses, and one of its own for notifications."""
    try:
        yield _version()
        yield _migrations()
        yield from _privileges()
        yield _durability()
        yield _clock()
        yield _notification()
    except (DatabaseError, psycopg.Error) as error:
        host, name = settings.DATABASES["default"]["HOST"], settings.DATABASES["default"]["NAME"]
        yield patient.down(
            "answer",
            f"PostgreSQL did not answer at {host}, database {name}: {str(error).strip()}",
            fix="Check DATABASE_URL: host, port, password, and that this machine may reach the server.",
        )


def _version() -> Outcome:
    version = connection.cursor().connection.info.server_version // 10_000
    return patient.judge(
        "version",
        version >= OLDEST_VERSION,
        f"PostgreSQL {version}",
        fix=f"Move to PostgreSQL {OLDEST_VERSION} or newer.",
    )


def _migrations() -> Outcome:
    executor = MigrationExecutor(connection)
    pending = [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    return patient.judge(
        "migrations",
        not pending,
        f"not applied: {', '.join(pending)}" if pending else "all migrations are applied",
        fix="Run `manage.py migrate` with an account that may change the schema.",
    )


def _privileges() -> Outcomes:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    wanted = [(table, privilege) for table in tables for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.name, wanted.privilege FROM unnest(%s::text[], %s::text[]) AS wanted(name, privilege) "
            "WHERE NOT has_table_privilege(quote_ident(wanted.name), wanted.privilege)",
            [[table for table, _ in wanted], [privilege for _, privilege in wanted]],
        )
        missing = [f"{privilege} on {table}" for table, privilege in cursor.fetchall()]
        cursor.execute("SELECT rolname, rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        role, is_mighty = cursor.fetchone()
    yield patient.judge(
        "privileges",
        not missing,
        f"{role} lacks {', '.join(missing)}" if missing else f"{role} may read and write all {len(tables)} tables",
        fix=f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};",
    )
    if is_mighty:
        yield patient.warning(
            "too many privileges",
            f"{role} is a superuser, or may make roles",
            fix="Give the processes a role that owns nothing but its own tables.",
        )


def _durability() -> Outcome:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        fsync, synchronous_commit = cursor.fetchone()
    return patient.judge(
        "durability",
        fsync == "on" and synchronous_commit != "off",
        f"fsync is {fsync}, synchronous_commit is {synchronous_commit}",
        fix="Turn both on: an upload that was accepted must survive a crash of the server.",
    )


def _clock() -> Outcome:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        skew = abs((cursor.fetchone()[0] - timezone.now()).total_seconds())
    return patient.judge(
        "clock",
        skew <= LARGEST_SKEW_SECONDS,
        f"its clock and this machine's differ by {skew:.1f} s",
        fix="Let both follow a time server: leases and deadlines are compared across machines.",
    )


def _notification() -> Outcome:
    """Send a notification and wait for it: a pooler between us would swallow it, and the relay would be slow."""
    with listening(CHANNEL) as listener:
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
        arrived = next(listener.notifies(timeout=NOTIFY_WITHIN_SECONDS, stop_after=1), None)
    return patient.judge(
        "notifications",
        arrived is not None,
        "a NOTIFY arrived" if arrived else f"a NOTIFY did not arrive within {NOTIFY_WITHIN_SECONDS:.0f} s",
        fix="Connect to PostgreSQL itself, or to a pooler in session mode: LISTEN needs a session of its own.",
    )
