"""The schema changes while the release before it serves."""

import asyncio
import contextlib
import sys
from collections import Counter
from urllib.parse import quote
from uuid import uuid4

import httpx
from django.db import migrations
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

from tests.chaos.world import TENANT
from tests.faults.people import PATIENCE_SECONDS

OURS = ("sessions_app", "agents_app")
# As a migration of a busy site should; where nobody holds a lock for long, as long as the calls wait for theirs.
LOCK_TIMEOUT_SECONDS, PATIENT_LOCK_TIMEOUT_SECONDS = 1, 4

# What `manage.py migrate` would do with such a migration, and back again.
MIGRATE = """
import django; django.setup()
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader

state = MigrationLoader(connection).project_state()
operations = [
    migrations.AddField("chatsession", "priority", models.IntegerField(db_default=0)),
    migrations.AddConstraint(
        "chatsession", models.CheckConstraint(condition=models.Q(priority__gte=0), name="priority_is_positive")
    ),
    migrations.AddField("message", "edited_at", models.DateTimeField(null=True)),
    migrations.RemoveField("message", "edited_at"),
    migrations.RemoveConstraint("chatsession", "priority_is_positive"),
    migrations.RemoveField("chatsession", "priority"),
]
for operation in operations:
    before, state = state, state.clone()
    operation.state_forwards("sessions_app", state)
    with connection.schema_editor() as editor:
        operation.database_forwards("sessions_app", editor, before, state)
"""


async def migrate(world, lock_timeout=PATIENT_LOCK_TIMEOUT_SECONDS) -> tuple[int, str]:
    """Exit code and output."""
    options = quote(f"-c lock_timeout={lock_timeout}s")
    environment = world.environment | {
        "DJANGO_SETTINGS_MODULE": "chatcenter.settings",
        "DATABASE_URL": f"{world.database_url}&options={options}",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MIGRATE), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, output = await process.communicate()
    return process.returncode, output.decode()


@contextlib.asynccontextmanager
async def traffic(webs, alice):
    """Visitors start chats and write, an agent looks, at each process without a pause; yields the answers' codes."""
    codes: Counter[int] = Counter()
    is_over = asyncio.Event()

    async def live(web):
        async with httpx.AsyncClient(base_url=web.url, trust_env=False, timeout=PATIENCE_SECONDS) as http:
            while not is_over.is_set():
                vera = {"tenant_id": TENANT, "customer_name": "Vera"}
                answer = await http.post("/api/v1/chat/public/start", json=vera)
                codes[answer.status_code] += 1
                if answer.is_success:
                    started = answer.json()["data"]
                    keys = {name: started[name] for name in ("session_id", "session_key")}
                    message = {**keys, "client_message_id": str(uuid4()), "message": "Hello"}
                    answer = await http.post("/api/v1/chat/public/message", json=message)
                    codes[answer.status_code] += 1
                answer = await http.get("/api/v1/chat/sessions", headers={"Cookie": alice.cookie})
                codes[answer.status_code] += 1

    lives = [asyncio.create_task(live(web)) for web in webs for _ in range(2)]
    while codes.total() < 20:
        await asyncio.sleep(0.02)
    yield codes
    is_over.set()
    await asyncio.gather(*lives)


async def test_IN12_the_schema_changes_and_no_call_fails(world, webs, alice):
    async with traffic(webs, alice) as codes:
        assert await migrate(world) == (0, "")
    assert codes.keys() == {200, 201}


async def test_IN12_a_change_that_has_to_wait_gives_up_before_it_holds_up_everybody(world, webs, alice):
    """Behind a change that waits for somebody's long transaction, everybody else waits, too."""
    with world.connect() as connection:
        connection.execute("SELECT count(*) FROM sessions_app_chatsession")
        async with traffic(webs, alice) as codes:
            code, output = await migrate(world, LOCK_TIMEOUT_SECONDS)
    assert code
    assert "LockNotAvailable" in output
    assert codes.keys() <= {200, 201, 503}  # the pool may be empty for that long

    assert await migrate(world) == (0, "")


def test_IN12_a_new_column_does_without_the_release_before_it():
    """That one's INSERTs do not name it."""
    ours = MigrationLoader(None).disk_migrations
    columns = [
        (key, operation)
        for key, migration in ours.items()
        if key[0] in OURS and not migration.initial
        for operation in migration.operations
        if isinstance(operation, migrations.AddField) and not operation.field.many_to_many
    ]
    for key, operation in columns:
        assert operation.field.null or operation.field.db_default is not NOT_PROVIDED, (key, operation.name)
