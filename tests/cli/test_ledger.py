"""Accounts, keys, ledger and retention from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from attrieve.cli.main import app
from attrieve.cli.roles import RoleName
from attrieve.serving.access.roles import Role
from attrieve.serving.jobs.job import JobKind
from attrieve.serving.jobs.queue import JobQueue
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.ledger import DATABASE_FILE, Ledger
from cli.gallery_commands import filled
from gallery.database.made import key_of
from serving.state.ledgers import LOCAL, attack

PASSWORD = "four short lamps sing"
runner = CliRunner()


def call(*arguments: object, code: int = 0, given: str | None = None) -> Result:
    result = runner.invoke(app, [*map(str, arguments)], input=given, env={"COLUMNS": "240"})
    assert result.exit_code == code, (result.stdout, result.stderr)
    return result


def asked(*arguments: object, code: int = 0, given: str | None = None) -> Any:
    return json.loads(call(*arguments, "--json", code=code, given=given).stdout)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state with one account."""
    folder = tmp_path / "state"
    call(
        "accounts", "add", folder, "ann", "--role", "administrator", "--password-stdin", given=PASSWORD + "\n"
    )
    return folder


def test_the_roles_are_those_of_the_service() -> None:
    """The command line keeps its own list, so that help need not load the service."""
    assert [role.value for role in RoleName] == [role.value for role in Role]


def test_the_life_of_an_account(state: Path) -> None:
    """Made, listed, changed, removed; each step stands in the ledger in the name of this machine's user."""
    made = asked(
        "accounts", "add", state, "kim", "--role", "searcher", "--password-stdin", given=PASSWORD + "\n"
    )
    assert (made["name"], made["role"], made["disabled"]) == ("kim", "searcher", False)
    call("accounts", "password", state, "kim", "--password-stdin", given="five tall chairs hum\n")
    assert asked("accounts", "role", state, "kim", "auditor")["role"] == "auditor"
    assert asked("accounts", "disable", state, "kim")["disabled"]
    assert not asked("accounts", "enable", state, "kim")["disabled"]
    call("accounts", "remove", state, "kim", "--yes")
    assert [account["name"] for account in asked("accounts", "list", state)] == ["ann"]
    steps = [entry["details"]["what"] for entry in asked("ledger", "show", state, "--action", "account")]
    assert steps == ["added", "added", "password set", "role set", "disabled", "enabled", "removed"]


def test_passwords_are_never_arguments(state: Path) -> None:
    """Without a terminal and without the option nothing is asked; a weak one is told."""
    nothing = call("accounts", "add", state, "kim", "--role", "searcher", code=2)
    assert "--password-stdin" in nothing.stderr
    weak = call(
        "accounts", "add", state, "kim", "--role", "searcher", "--password-stdin", given="short\n", code=1
    )
    assert "at least 12" in weak.stderr
    assert "short" not in weak.stderr


def test_the_life_of_a_key(state: Path) -> None:
    """The key is all there is on standard output, so that it can be put into a file."""
    text = call("keys", "create", state, "importer", "--role", "curator", "--days", "9").stdout.strip()
    prefix = text.split("_")[1]
    rotated = asked("keys", "rotate", state, prefix, "--overlap", "1h")
    assert rotated["name"] == "importer"
    assert rotated["key"].split("_")[1] == rotated["prefix"] != prefix
    assert asked("keys", "revoke", state, prefix)["revoked"]
    listed = asked("keys", "list", state)
    assert {key["prefix"]: key["revoked"] for key in listed} == {prefix: True, rotated["prefix"]: False}
    assert not any("key" in key for key in listed)


def test_a_ledger_is_checked_by_itself(state: Path, tmp_path: Path) -> None:
    """Clean is 0; changed is 1, with the place; a head kept elsewhere is believed more than the folder."""
    assert asked("ledger", "verify", state)["clean"]
    head = tmp_path / "head.json"
    head.write_text(call("ledger", "head", state).stdout)
    call("ledger", "show", state)
    assert asked("ledger", "verify", state, "--head", head)["clean"]
    with attack(state) as connection:
        connection.execute("UPDATE ledger SET entry = replace(entry, 'ann', 'bob') WHERE sequence = 1")
    told = asked("ledger", "verify", state, "--head", head, code=1)
    assert not told["clean"]
    assert "entry 1 was changed" in told["problems"][0]
    assert "entry 1 was changed" in call("ledger", "verify", state, code=1).stdout


def test_a_ledger_is_checked_where_the_key_is_not(state: Path, tmp_path: Path) -> None:
    """A copy of the database and the public key are enough; no signing key is made there."""
    key = json.loads(call("ledger", "head", state).stdout)["public_key"]
    Ledger.open(state).database.forget_deleted()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / DATABASE_FILE).write_bytes((state / DATABASE_FILE).read_bytes())
    assert asked("ledger", "verify", copy, "--public-key", key)["clean"]
    assert "signing" in call("ledger", "verify", copy, code=1).stderr
    assert not (copy / "signing-key.pem").exists()
    other = "ab" * 32
    assert asked("ledger", "verify", copy, "--public-key", other, code=1)["problems"]


def test_a_ledger_is_exported(state: Path, tmp_path: Path) -> None:
    """To a file or to standard output; the export is its last entry."""
    file = tmp_path / "ledger.jsonl"
    call("ledger", "export", state, "--out", file, "--format", "jsonl")
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert entries[-1]["details"] == {"exported": "jsonl"}
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    table = call("ledger", "export", state, "--out", "-").stdout
    assert table.startswith('"sequence","time"')


@pytest.mark.parametrize("command", ["verify", "show", "head"])
def test_what_is_no_state_is_told(tmp_path: Path, command: str) -> None:
    """And nothing is made there."""
    told = call("ledger", command, tmp_path / "nothing", code=1)
    assert "neither a gallery nor the state folder" in told.stderr
    assert not (tmp_path / "nothing").exists()


def test_retention_removes_rows_of_a_gallery_and_says_so(tmp_path: Path) -> None:
    """With a dry run before; the ledger lies beside the gallery and tells which rows went."""
    gallery = filled(tmp_path / "gallery", [1, 2, 3])
    run: Callable[..., Any] = lambda *more, **how: asked("retention", "run", gallery, *more, **how)  # noqa: E731
    assert run("--row-days", "1", "--dry-run") == {"rows": 3, "entries": 0, "jobs": 0, "dry_run": True}
    assert run("--row-days", "36500") == {"rows": 0, "entries": 0, "jobs": 0, "dry_run": False}
    assert run("--row-days", "1", "--yes") == {"rows": 3, "entries": 0, "jobs": 0, "dry_run": False}
    assert run("--row-days", "1", "--yes")["rows"] == 0
    entries = asked("ledger", "show", gallery, "--action", "retention")
    assert [sorted(entry["keys"]) for entry in entries] == [sorted(map(key_of, [1, 2, 3]))]
    jobs = JobQueue(StateDatabase(tmp_path / "gallery-service" / DATABASE_FILE), clock=lambda: 1e9)
    jobs.cancel(jobs.submit(JobKind.COMPACT, {}, LOCAL).number)
    assert run("--job-days", "36500")["jobs"] == 0
    assert run("--job-days", "30", "--yes")["jobs"] == 1
    assert [job.kind for job in jobs.find()] == [JobKind.COMPACT]  # the one that frees the disk waits
    assert "no age is set" in call("retention", "run", gallery, code=2).stderr
    assert asked("ledger", "verify", gallery)["clean"]
