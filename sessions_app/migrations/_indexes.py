"""Indexes that are built beside whoever writes meanwhile, which takes minutes and may be interrupted."""

from django.contrib.postgres.operations import AddIndexConcurrently


class BuildIndex(AddIndexConcurrently):
    """Safe to run again: an index that is there stays, and one whose building was interrupted, which PostgreSQL keeps
    without using it, is built anew."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [self.index.name])
            row = cursor.fetchone()
        if row == (True,):
            return
        if row:
            self.database_backwards(app_label, schema_editor, to_state, from_state)
        super().database_forwards(app_label, schema_editor, from_state, to_state)
