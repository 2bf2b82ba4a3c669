"""The arrows and rules of docs/architecture.md, read from the code; and docs that leave nothing out."""

import ast
import json
import re
from pathlib import Path

import pytest
from django.conf import settings

from agents_app.consumers import AgentConsumer
from sessions_app import errors, events, protocol
from sessions_app.consumers import VisitorConsumer

ROOT = Path(settings.BASE_DIR)
APPS = ("chatcenter", "sessions_app", "agents_app")
FILES = [path for app in APPS for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts]

# Each module may import those of the ranks before its own (and, of its own rank, nothing).
RANKS = [
    {"errors", "loops", "dbthread", "tokens", "models"},
    {"protocol", "throttles", "origins", "hub", "widget", "filetypes", "search"},
    {"serializers", "occupancy", "reports"},
    {"inputs", "selectors", "events", "rows", "simulator", "demo"},
    {"work"},
    {"services", "offline"},
    {"writer", "presence", "restorations", "retention"},
    {"shutdown", "attachments"},
    {"sockets"},
    {"api", "consumers", "tasks", "admin", "views", "sweep", "widget_snippet"},
    {"urls", "routing"},
]
# The same within the packages among them.
RANKS_WITHIN = {
    "models": [{"choices"}, {"tenants"}, {"sessions"}, {"messages", "remarks", "records"}, {"__init__"}],
    "reports": [
        {"period", "shapes", "durations"},
        {"records"},
        {"chats", "restoration", "times", "abandonment"},
        {"__init__"},
    ],
    "services": [
        {"abandonment"},
        {"visits", "batches"},
        {"messages"},
        {"remarks"},
        {"handling"},
        {"__init__"},
    ],
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """The project's modules that a file imports, as app.module."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in APPS:
            names |= {node.module} if "." in node.module else {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.split(".")[0] in APPS}
    return names


def rank(module: str, ranks: list[set[str]] = RANKS) -> int | None:
    return next((index for index, modules in enumerate(ranks) if module in modules), None)


def module_of(path: Path) -> str:
    """Of sessions_app: the file or the package directly in it."""
    return path.relative_to(ROOT / "sessions_app").parts[0].removesuffix(".py")


RANKED = [path for path in FILES if path.is_relative_to(ROOT / "sessions_app") and rank(module_of(path)) is not None]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_apps_build_on_each_other_one_way(path):
    app = path.relative_to(ROOT).parts[0]
    allowed = {"sessions_app": {"sessions_app"}, "agents_app": {"sessions_app", "agents_app"}}.get(app, set(APPS))
    assert {module.split(".")[0] for module in imported(path)} <= allowed


@pytest.mark.parametrize("path", RANKED, ids=name_of)
def test_modules_of_sessions_app_build_on_each_other_one_way(path):
    # hub.py's Socket is a type that presence.py names; hub itself is below events.py, which rings it.
    own = module_of(path)
    for module in imported(path):
        other = rank(module.split(".")[1])
        assert other is None or other < rank(own) or module.split(".")[1] == own, module


@pytest.mark.parametrize("path", [path for path in RANKED if module_of(path) in RANKS_WITHIN], ids=name_of)
def test_modules_of_a_package_build_on_each_other_one_way(path):
    package = module_of(path)
    ranks = RANKS_WITHIN[package]
    for module in imported(path):
        if module.startswith(f"sessions_app.{package}"):
            # Not the package itself, which imports them all.
            assert rank(module.split(".")[2], ranks) < rank(path.stem, ranks), module


def calls(path: Path) -> list[tuple[str, str]]:
    """(receiver, method) of every call like x.y.method(), receiver as source text."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.append((ast.unparse(node.func.value), node.func.attr))
    return found


WRITERS = {"services", "work", "rows", "retention"}
WRITES = {"create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete", "update"}
RULED = re.compile(r"\b(ChatSession|Message|SessionEvent)\.objects")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_services_write_rows_that_have_rules(path):
    writes = [call for call in calls(path) if call[1] in WRITES and RULED.search(call[0])]
    assert not writes or (path.is_relative_to(ROOT / "sessions_app") and module_of(path) in WRITERS)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_hub_touches_the_channel_layer(path):
    touches = re.search(r"get_channel_layer|group_send|group_add|channel_layer\b", path.read_text())
    assert not touches or name_of(path) in {"sessions_app/hub.py"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_settings_read_the_environment(path):
    reads = re.findall(r"os\.(?:environ\b[^\n]*|getenv)", path.read_text())
    reads = [text for text in reads if 'setdefault("DJANGO_SETTINGS_MODULE"' not in text]
    assert not reads or name_of(path) in {"chatcenter/settings.py", "chatcenter/embedded.py"}


EVENT_NAMES = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_events_name_events(path):
    commands = set(VisitorConsumer.commands) | set(AgentConsumer.commands)
    texts = {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not texts & (EVENT_NAMES - commands) or name_of(path) == "sessions_app/events.py"


def test_every_frame_that_a_socket_knows_has_a_handler():
    for consumer in (VisitorConsumer, AgentConsumer):
        assert set(consumer.commands) == set(consumer.handlers)


# --- docs ---------------------------------------------------------------------------------------------------------

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()


def subclasses(cls):
    return {cls, *(found for sub in cls.__subclasses__() for found in subclasses(sub))}


def test_every_event_error_and_close_code_is_in_the_docs():
    codes = {error.code for error in subclasses(errors.ChatError)}
    closes = {str(value) for name, value in vars(protocol).items() if name.startswith("CLOSE_")}
    missing = [word for word in EVENT_NAMES | codes if f"`{word}`" not in PROTOCOL]
    assert not missing + [code for code in closes if f"| {code} |" not in PROTOCOL]


@pytest.mark.parametrize(("kind", "consumer"), [("json", VisitorConsumer), ("json agent", AgentConsumer)])
def test_every_frame_has_an_example_that_the_server_accepts(kind, consumer):
    examples = re.findall(rf"^```{kind}\n(.*?)^```", PROTOCOL, re.MULTILINE | re.DOTALL)
    frames = [text for text in examples if "type" in json.loads(text)]
    assert {protocol.parse_frame(text, consumer.commands)[0] for text in frames} == set(consumer.commands)


def test_every_setting_is_in_the_docs():
    from chatcenter.settings import env

    text = (ROOT / "docs" / "settings.md").read_text()
    assert not [name for name in env.read if f"`{name}`" not in text]
