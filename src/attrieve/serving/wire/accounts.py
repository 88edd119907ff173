"""Accounts, keys and sign-in, as they travel."""

from datetime import UTC, datetime

from pydantic import Field, SecretStr

from attrieve.serving.access.passwords import LONGEST
from attrieve.serving.access.roles import Permission, Role
from attrieve.serving.state.accounts import Account
from attrieve.serving.state.keys import ApiKey
from attrieve.serving.wire.base import AnswerModel, RequestModel


class SignInRequest(RequestModel):
    """Name and password."""

    name: str = Field(max_length=64, examples=["kim"])
    password: SecretStr = Field(max_length=LONGEST, examples=["four short lamps sing"])


class SignOutRequest(RequestModel):
    """Which sessions end."""

    everywhere: bool = Field(default=False, description="All sessions of the account, not this one alone.")


class PasswordRequest(RequestModel):
    """Another password for the own account."""

    old: SecretStr = Field(max_length=LONGEST)
    new: SecretStr = Field(max_length=LONGEST)


class ActorView(AnswerModel):
    """Who asks, and what is allowed."""

    name: str
    role: Role
    through: str = Field(description="'local', 'session' or 'key'.")
    permissions: list[Permission]
    session_ends: datetime | None = Field(description="When one must sign in again in any case.")
    csrf: str | None = Field(
        description="With a session: to be sent as header X-CSRF-Token by requests that change something."
    )


class SessionsEnded(AnswerModel):
    """How many sessions ended."""

    sessions: int


class NewAccount(RequestModel):
    """An account to make."""

    name: str = Field(min_length=1, max_length=64, pattern="^[a-z0-9][a-z0-9._@-]*$", examples=["kim"])
    role: Role
    password: SecretStr = Field(max_length=LONGEST, examples=["four short lamps sing"])


class AccountChange(RequestModel):
    """What of an account is to be changed; what is null stays."""

    role: Role | None = None
    disabled: bool | None = Field(default=None, description="Whether signing in is refused.")
    password: SecretStr | None = Field(default=None, max_length=LONGEST, description="Ends all its sessions.")


class AccountView(AnswerModel):
    """An account."""

    name: str
    role: Role
    disabled: bool
    created: datetime
    password_set: datetime
    signed_in: datetime | None = Field(description="When it last signed in.")

    @classmethod
    def of(cls, account: Account) -> "AccountView":
        """Return it as it travels."""
        return cls(
            name=account.name,
            role=account.role,
            disabled=account.disabled,
            created=moment_of(account.created_s),
            password_set=moment_of(account.password_set_s),
            signed_in=None if account.signed_in_s is None else moment_of(account.signed_in_s),
        )


class NewKey(RequestModel):
    """A key to make."""

    name: str = Field(
        min_length=1,
        max_length=64,
        pattern="^[a-z0-9][a-z0-9._@-]*$",
        description="Of the program it is for.",
        examples=["nightly-import"],
    )
    role: Role
    days: int | None = Field(default=None, ge=1, le=3650, description="Null takes the service's setting.")


class KeyRotation(RequestModel):
    """A successor to a key."""

    days: int | None = Field(default=None, ge=1, le=3650, description="Null takes the service's setting.")
    overlap_hours: float = Field(default=0.0, ge=0, le=720, description="How long the old key stays good.")


class KeyView(AnswerModel):
    """What is known of a key."""

    prefix: str = Field(description="Its public beginning; lists and the ledger name it by this.")
    name: str
    role: Role
    created: datetime
    ends: datetime
    used: datetime | None = Field(description="When it was last used, to the minute.")
    revoked: bool

    @classmethod
    def of(cls, key: ApiKey) -> "KeyView":
        """Return it as it travels."""
        return cls(
            prefix=key.prefix,
            name=key.name,
            role=key.role,
            created=moment_of(key.created_s),
            ends=moment_of(key.ends_s),
            used=None if key.used_s is None else moment_of(key.used_s),
            revoked=key.revoked,
        )


class CreatedKey(KeyView):
    """A new key; its text is shown this once."""

    key: str = Field(description="Sent as 'Authorization: Bearer KEY'. It cannot be shown again.")


def moment_of(seconds: float) -> datetime:
    """Return seconds since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
