"""Migrations that cannot be one transaction: what is left of them when they are interrupted."""

from importlib import import_module

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

MODULE, BEFORE = "0010_indexes_of_the_history", "0009_policies"
INDEXES = "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indisvalid"


def valid_indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        return {name for (name,) in cursor}


@pytest.mark.django_db(transaction=True)
def test_indexes_whose_building_was_interrupted_are_built_by_the_next_migrate():
    """As a build that is cancelled leaves them: one built, the next one there but not valid, the others missing."""
    before = valid_indexes()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'session_history_stage'::regclass")
        cursor.execute("DROP INDEX session_email, event_reopened")
    assert valid_indexes() == before - {"session_history_stage", "session_email", "event_reopened"}

    migration = import_module(f"sessions_app.migrations.{MODULE}").Migration(MODULE, "sessions_app")
    state = MigrationExecutor(connection).loader.project_state([("sessions_app", BEFORE)])
    with connection.schema_editor(atomic=False) as editor:
        migration.apply(state, editor)
    assert valid_indexes() == before
