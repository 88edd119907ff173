"""Where everybody comes in: with a session, with a key, or without accounts as this machine's user."""

import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from attrieve.serving.access.cookies import SESSION_COOKIE, read_cookie
from attrieve.serving.access.passwords import Passwords
from attrieve.serving.access.rate_limit import BUCKETS_FILE, SharedRateLimit
from attrieve.serving.access.roles import NOBODY, Actor, local_actor
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.settings import Access, ServiceSettings
from attrieve.serving.state.accounts import Account, Accounts
from attrieve.serving.state.attempts import Attempts, counters_of_address, counters_of_device
from attrieve.serving.state.database import StateDatabase
from attrieve.serving.state.keys import ApiKeys
from attrieve.serving.state.known_places import KnownPlaces
from attrieve.serving.state.ledger import Ledger
from attrieve.serving.state.ledger_entry import Action
from attrieve.serving.state.sessions import Session, Sessions

SECRETS_TABLE = "CREATE TABLE secrets (name TEXT PRIMARY KEY, secret BLOB NOT NULL) STRICT;"


@dataclass(frozen=True)
class Visitor:
    """Who has come in.

    Args:
        actor: name and role.
        session: if there is one.
    """

    actor: Actor
    session: Session | None = None


class Entrance:
    """Accounts, keys and sessions of a service, and who they let in.

    Args:
        database: of the service's state.
        ledger: where sign-ins and refusals are recorded.
        settings: whether there are accounts, how long sessions last, how much one may ask.
        passwords: makes and checks hashes.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        database: StateDatabase,
        ledger: Ledger,
        settings: ServiceSettings,
        *,
        passwords: Passwords | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.ledger = ledger
        self.open_to_all = settings.access is Access.OPEN
        self.accounts = Accounts(database, passwords, clock=clock)
        self.keys = ApiKeys(database, clock=clock)
        self.sessions = Sessions(
            database,
            idle_s=settings.session_minutes * 60.0,
            longest_s=settings.session_hours * 3600.0,
            clock=clock,
        )
        self.attempts = Attempts(database, clock=clock)
        self.places = KnownPlaces(database, clock=clock)
        buckets = database.path.with_name(BUCKETS_FILE)
        self.requests = SharedRateLimit(buckets, "requests", float(settings.requests_per_minute))
        self.sign_ins = SharedRateLimit(buckets, "sign-ins", float(settings.sign_ins_per_minute))
        for limit in (self.requests, self.sign_ins):
            database.before_closing(limit.close)
        self.csrf_secret = _secret(database, "csrf")

    def admit(self, request: Request) -> Visitor:
        """Return who sends a request.

        Raises:
            ProblemError: 401 without a valid key or session, 429 when too many requests came.
        """
        address = client_address(request)
        try:
            visitor = self._visitor(request)
        except ProblemError:
            # guesses are counted by address, or they would cost nothing
            _wait(self.requests.take(f"address {address}"), "requests without a valid key or session")
            raise
        actor = visitor.actor
        _wait(self.requests.take(f"{actor.through} {actor.key or actor.name}"), "requests")
        return visitor

    def sign_in(
        self,
        name: str,
        password: str,
        *,
        address: str,
        device: str | None = None,
        old_token: str | None = None,
    ) -> tuple[str, Session]:
        """Begin a session.

        Args:
            name: of the account.
            password: in clear.
            address: where the attempt comes from.
            device: what the browser is known by (:meth:`KnownPlaces.device`), or is to be from now on.
            old_token: of a session that this browser had before; it ends, whatever becomes of this.

        Returns:
            The token for the cookie, and the session.

        Raises:
            ProblemError: 401 if name or password is wrong, in the same words and time whichever it is; 429
                after several failures.
        """
        if old_token is not None:
            self.sessions.end(old_token)
        if device is not None and self.places.knows_device(name, device):
            counters = counters_of_device(name, device)
            bucket = counters[0].subject
        else:
            counters = counters_of_address(name, address, known=self.places.knows_address(name, address))
            bucket = f"address {address}"
        _wait(self.sign_ins.take(bucket), "attempts to sign in")
        self.attempts.begin(counters)
        account = self.accounts.check(name, password)
        if account is None:
            known = self.accounts.known(name)
            self.ledger.record(
                NOBODY,
                Action.SIGN_IN_FAILED,
                # what is no account's name may be a password typed into the wrong field
                details={"account": name if known else None, "address": address},
            )
            raise ProblemError(Problem.SIGN_IN_FAILED, "name or password is wrong")
        self.attempts.succeeded(counters)
        with self.database.transaction():
            self.places.remember(account.name, device=device, address=address)
            token = self.sessions.begin(account.name)
            self.ledger.record(actor_of(account), Action.SIGN_IN, details={"address": address})
        session = self.sessions.find(token)
        assert session is not None
        return token, session

    def sign_out(self, token: str, *, everywhere: bool = False) -> int:
        """End a session, or all of its account; return how many ended."""
        session = self.sessions.find(token)
        if session is None:
            return 0
        with self.database.transaction():
            ended = self.sessions.end_all(session.account) if everywhere else int(self.sessions.end(token))
            actor = Actor(session.account, session.role, "session")
            self.ledger.record(actor, Action.SIGN_OUT, details={"sessions": ended})
        return ended

    def _visitor(self, request: Request) -> Visitor:
        if self.open_to_all:
            return Visitor(local_actor())
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return Visitor(self._by_key(authorization, client_address(request)))
        token = read_cookie(request, SESSION_COOKIE)
        session = self.sessions.find(token) if token else None
        if session is None:
            ended = "; the session has ended" if token else ""
            raise _sign_in_needed(f"sign in, or bring a key as 'Authorization: Bearer KEY'{ended}")
        return Visitor(Actor(session.account, session.role, "session"), session)

    def _by_key(self, authorization: str, address: str) -> Actor:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _sign_in_needed("a key is brought as 'Authorization: Bearer KEY'")
        key = self.keys.find(text.strip())
        if key is None:
            raise _sign_in_needed("the key is not one of this service's")
        refusal = self.keys.refusal(key)
        actor = Actor(key.name, key.role, "key", key.prefix)
        if refusal is not None:
            _wait(self.requests.take(f"refused key {key.prefix}"), "requests")
            self.ledger.record(actor, Action.REFUSED, details={"reason": refusal, "address": address})
            raise _sign_in_needed(refusal)
        self.keys.used(key)
        return actor


def actor_of(account: Account) -> Actor:
    """Return somebody who has signed in."""
    return Actor(account.name, account.role, "session")


def client_address(request: Request) -> str:
    """Return where a request comes from; a trusted proxy's word is taken by the server before this."""
    return request.client.host if request.client else "unknown"


def _sign_in_needed(detail: str) -> ProblemError:
    return ProblemError(
        Problem.SIGN_IN_NEEDED, detail, headers={"WWW-Authenticate": 'Bearer realm="attrieve"'}
    )


def _wait(wait_s: float, what: str) -> None:
    if wait_s > 0:
        seconds = max(1, math.ceil(wait_s))
        raise ProblemError(
            Problem.TOO_MANY_REQUESTS,
            f"too many {what}; wait {seconds} seconds",
            headers={"Retry-After": str(seconds)},
        )


def _secret(database: StateDatabase, name: str) -> bytes:
    """Return a secret all processes of an installation share, made the first time."""
    database.ensure("secrets", [SECRETS_TABLE])
    with database.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", [name, secrets.token_bytes(32)])
        row = connection.execute("SELECT secret FROM secrets WHERE name = ?", [name]).fetchone()
    return bytes(row["secret"])
