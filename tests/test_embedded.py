import os
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from chatcenter import embedded
from chatcenter.embedded import FolderBusy, Servers

HOLD_SERVERS = """
import sys
from pathlib import Path
from chatcenter.embedded import Servers
with Servers(Path(sys.argv[1])) as servers:
    print(servers.start_postgresql(), servers.start_redis(), *servers.pids(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """Under a folder that only its owner may enter, as pytest makes them: for root the hard case."""
    return tmp_path / "clone" / ".data" / "dev"


@pytest.fixture
def holder(folder):
    """Another process that has the folder's servers running: (process, database URL, Redis URL, the servers)."""
    command = [sys.executable, "-c", HOLD_SERVERS, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=embedded.BASE_DIR, text=True, **pipes) as process:
        database_url, redis_url, *pids = process.stdout.readline().split()
        yield process, database_url, redis_url, [psutil.Process(int(pid)) for pid in pids]
        process.kill()


def rows(database_url: str, statement: str) -> list:
    with psycopg.connect(database_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_what_was_written_is_there_after_the_next_start(folder):
    with Servers(folder) as servers:
        rows(servers.start_postgresql(), "CREATE TABLE kept AS SELECT 7 AS number")
        redis.Redis.from_url(servers.start_redis()).set("kept", "7")
    with Servers(folder) as servers:
        assert rows(servers.start_postgresql(), "SELECT number FROM kept") == [(7,)]
        assert redis.Redis.from_url(servers.start_redis()).get("kept") == b"7"


def test_the_database_is_utf8_and_utc(folder):
    with Servers(folder, keep=False) as servers:
        url = servers.start_postgresql()
        settings = {name: rows(url, f"SHOW {name}")[0][0] for name in ("server_encoding", "timezone")}
    assert settings == {"server_encoding": "UTF8", "timezone": "UTC"}


def test_leaving_stops_both_servers(folder):
    with Servers(folder) as servers:
        servers.start_postgresql()
        servers.start_redis()
        processes = [psutil.Process(pid) for pid in servers.pids()]
    assert all(embedded._is_gone(process, seconds=0) for process in processes)
    assert not servers.socket_folder.exists()


def test_a_throw_away_folder_goes_with_its_servers(folder):
    with Servers(folder, keep=False) as servers:
        servers.start_postgresql()
    assert not folder.exists()


def test_postgresql_is_not_root_and_listens_to_no_port(folder):
    with Servers(folder, keep=False) as servers:
        servers.start_postgresql()
        servers.start_redis()
        postgresql, redis_server = map(psutil.Process, servers.pids())
        assert postgresql.uids().effective != 0
        family = [postgresql, *postgresql.children(recursive=True), redis_server]
        ports = [each for process in family for each in process.net_connections("inet")]
    assert ports == []


def test_no_rights_are_changed_outside_the_data_folder(folder):
    folder.parent.mkdir(parents=True)
    outside = [folder.parent.parent, *folder.parent.parent.parents, embedded.BASE_DIR, Path(sys.prefix)]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in outside]
    with Servers(folder, keep=False) as servers:
        servers.start_postgresql()
    assert [(path.stat().st_mode, path.stat().st_uid) for path in outside] == before


def test_a_second_run_does_not_get_the_folder(folder, holder):
    _, database_url, _, _ = holder
    with pytest.raises(FolderBusy), Servers(folder):
        pass
    assert rows(database_url, "SELECT 1") == [(1,)]


def test_the_servers_die_with_a_run_that_is_killed(folder, holder):
    process, _, _, servers = holder
    process.kill()
    assert all(embedded._is_gone(server, seconds=30) for server in servers)
    with Servers(folder) as again:
        assert rows(again.start_postgresql(), "SELECT 1") == [(1,)]


def test_servers_that_outlive_a_killed_run_are_stopped_by_the_next(folder):
    with Servers(folder) as first:
        first.start_postgresql()
        first.start_redis()
        orphans = [psutil.Process(pid) for pid in first.pids()]
        first._lock.close()  # as if this process had been killed where nothing tells its children
        with Servers(folder) as second:
            assert all(embedded._is_gone(orphan, seconds=0) for orphan in orphans)
            assert rows(second.start_postgresql(), "SELECT 1") == [(1,)]


def test_a_process_that_got_a_dead_servers_id_is_left_alone(folder):
    with Servers(folder) as servers:
        servers.start_postgresql()
    with subprocess.Popen(["sleep", "600"]) as bystander:
        (folder / "postgresql" / "postmaster.pid").write_text(f"{bystander.pid}\n{folder}/postgresql\n")
        with Servers(folder) as servers:
            assert rows(servers.start_postgresql(), "SELECT 1") == [(1,)]
        assert bystander.poll() is None
        bystander.kill()


def test_a_database_that_was_left_half_made_is_made_anew(folder):
    (folder / "postgresql.new" / "base").mkdir(parents=True)
    with Servers(folder) as servers:
        assert rows(servers.start_postgresql(), "SELECT 1") == [(1,)]


def test_reset_forgets_everything(folder):
    with Servers(folder) as servers:
        rows(servers.start_postgresql(), "CREATE TABLE forgotten ()")
    with Servers(folder) as servers:
        servers.reset()
        with pytest.raises(psycopg.errors.UndefinedTable):
            rows(servers.start_postgresql(), "SELECT FROM forgotten")


@pytest.mark.parametrize("name", ["deep" * 25, "one, two"])
def test_a_folder_that_sockets_cannot_be_in_has_them_in_a_private_place(tmp_path, name):
    folder = tmp_path / name / "dev"
    with Servers(folder, keep=False) as servers:
        assert rows(servers.start_postgresql(), "SELECT 1") == [(1,)]
        assert folder not in servers.socket_folder.parents
        assert servers.socket_folder.stat().st_mode & 0o077 == 0
    assert not servers.socket_folder.exists()


def test_dead_test_runs_are_cleared_away_and_living_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "DATA_DIR", tmp_path)
    (tmp_path / "test-1" / "postgresql").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    with Servers(tmp_path / "test-2", keep=False):
        embedded.remove_dead_test_runs()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["dev", "test-2"]


def test_a_server_that_cannot_start_is_one_sentence(folder):
    with Servers(folder) as servers:
        servers.start_postgresql()
    (folder / "postgresql" / "PG_VERSION").write_text("12\n")
    with Servers(folder) as servers, pytest.raises(embedded.EmbeddedError) as refused:
        servers.start_postgresql()
    assert str(refused.value).startswith("PostgreSQL did not start: ")
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody to become")
def test_root_without_setpriv_is_told_what_to_do(folder, monkeypatch):
    monkeypatch.setattr(embedded.shutil, "which", lambda name: None)
    with Servers(folder) as servers, pytest.raises(embedded.EmbeddedError, match="setpriv"):
        servers.start_postgresql()
