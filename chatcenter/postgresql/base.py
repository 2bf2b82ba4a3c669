"""Django's PostgreSQL backend, with a pool that gets over a restart of the server at once.

The pool's own health check tries idle connections one after the other, and waits for 0, 1, 2, 4 … s after each that
is dead. After a restart all of them are: with five or more, nobody gets a live one before the pool's timeout.
"""

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        if not self.pool:
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except psycopg.Error:
            # What idles beside it has most likely died with it: all of that is replaced now.
            self.pool.putconn(connection)
            self.pool.check()
            connection = super().get_new_connection(conn_params)
        return connection
