"""Other machines reach the service only where it can tell people apart and talk to them in private."""

from itertools import product
from pathlib import Path

import pytest

from attrieve.errors import ConfigurationError
from attrieve.serving.access.administration import Administration
from attrieve.serving.access.binding import check_before_listening, check_binding, is_loopback
from attrieve.serving.access.roles import Role
from serving.access.entrances import BOSS, PASSWORD, entrance, settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LocalHost"])
def test_this_machine_alone(host: str, tmp_path: Path) -> None:
    """Needs nothing."""
    assert is_loopback(host)
    check_binding(settings(tmp_path, host=host, access="open"), somebody_may_enter=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "", "127.0.0.1.example.org"])
def test_every_combination_off_this_machine(host: str, tmp_path: Path) -> None:
    """Accounts, somebody who may enter, and HTTPS: all three, or it is refused and says what is missing."""
    assert not is_loopback(host)
    for access, somebody, https in product(("open", "accounts"), (False, True), ("none", "tls", "proxy")):
        changes: dict[str, object] = {"host": host, "access": access, "behind_proxy": https == "proxy"}
        if https == "tls":
            changes |= {"tls_certificate": tmp_path / "chain.pem", "tls_key": tmp_path / "key.pem"}
        wanted = settings(tmp_path, **changes)
        if access == "accounts" and somebody and https != "none":
            check_binding(wanted, somebody_may_enter=somebody)
            continue
        with pytest.raises(ConfigurationError, match="refused to listen") as caught:
            check_binding(wanted, somebody_may_enter=somebody)
        told = str(caught.value)
        assert ("access = 'accounts'" in told) == (access == "open")
        assert ("attrieve accounts add" in told) == (not somebody)
        assert ("tls_certificate" in told) == (https == "none")


def test_behind_a_proxy_this_machine_alone_is_not_alone(tmp_path: Path) -> None:
    """Whoever reaches the proxy reaches the service."""
    with pytest.raises(ConfigurationError, match="a proxy"):
        check_binding(settings(tmp_path, access="open", behind_proxy=True), somebody_may_enter=False)


def test_half_of_tls(tmp_path: Path) -> None:
    """A certificate without its key is a mistake, also here."""
    with pytest.raises(ConfigurationError, match="go together"):
        check_binding(settings(tmp_path, tls_certificate=tmp_path / "x.pem"), somebody_may_enter=True)


def test_who_may_enter_is_looked_up(tmp_path: Path) -> None:
    """A disabled account or a revoked key is nobody; nothing is made by looking."""
    state = tmp_path / "state"
    wanted = settings(state, host="0.0.0.0", behind_proxy=True)
    told: list[str] = []

    def allowed() -> bool:
        try:
            check_before_listening(wanted)
        except ConfigurationError as error:
            told.append(str(error))
            return False
        return True

    assert not allowed()
    assert not state.exists()
    door = entrance(state)
    boss = Administration(door, BOSS)
    boss.add_account("kim", Role.SEARCHER, PASSWORD)
    assert allowed()
    boss.disable("kim")
    assert not allowed()
    assert all("who may enter" in one for one in told)
    door.database.close()
