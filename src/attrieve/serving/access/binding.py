"""Where the service may listen: to other machines only with accounts, and only over HTTPS."""

import ipaddress

from attrieve.errors import ConfigurationError
from attrieve.serving.settings import Access, ServiceSettings
from attrieve.serving.state.accounts import Accounts
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.keys import ApiKeys
from attrieve.serving.state.ledger import DATABASE_FILE


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("example.org")
    (True, True, False, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").split("%")[0]).is_loopback
    except ValueError:
        return False


def check_before_listening(settings: ServiceSettings) -> None:
    """Refuse what :func:`check_binding` refuses, after a look at the accounts and keys there are.

    Raises:
        ConfigurationError: naming everything that is missing, and what to do.
        StorageError: if the state folder cannot be read.
    """
    somebody = False
    file = settings.state_folder / DATABASE_FILE
    if settings.access is Access.ACCOUNTS and file.exists():
        database = StateDatabase(file)
        keys = ApiKeys(database)
        accounts = any(not account.disabled for account in Accounts(database).all())
        somebody = accounts or any(keys.refusal(key) is None for key in keys.all())
        database.close()
    check_binding(settings, somebody_may_enter=somebody)


def check_binding(settings: ServiceSettings, *, somebody_may_enter: bool) -> None:
    """Refuse to open the service to others before it can tell them apart and talk to them in private.

    Args:
        settings: of the service.
        somebody_may_enter: whether there is an account or a key.

    Raises:
        ConfigurationError: naming everything that is missing, and what to do.
    """
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise ConfigurationError("tls_certificate and tls_key go together: give both, or none of them")
    if is_loopback(settings.host) and not settings.behind_proxy:
        return
    missing = []
    if settings.access is not Access.ACCOUNTS:
        missing.append("accounts: set access = 'accounts'")
    if not somebody_may_enter:
        missing.append("somebody who may enter: attrieve accounts add GALLERY NAME --role administrator")
    if not settings.secure:
        missing.append(
            "HTTPS: set tls_certificate and tls_key, or behind_proxy = true if a server in front speaks HTTPS"
        )
    if missing:
        reach = "a proxy" if is_loopback(settings.host) else "other machines"
        raise ConfigurationError(
            f"refused to listen on {settings.host}, where {reach} can reach it, for want of "
            + "; of ".join(missing)
            + ". For this machine alone: host = '127.0.0.1', behind_proxy = false"
        )
