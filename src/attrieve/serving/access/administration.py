"""Changes of accounts and keys, each in one commit with its entry in the ledger."""

from attrieve.errors import InputError
from attrieve.serving.access.entrance import Entrance
from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.state.accounts import Account
from attrieve.serving.state.keys import ApiKey
from attrieve.serving.state.ledger_entry import Action


class Administration:
    """What an administrator does; who may is asked before.

    Args:
        entrance: whose accounts and keys.
        actor: who does it.
    """

    def __init__(self, entrance: Entrance, actor: Actor) -> None:
        self._entrance = entrance
        self._actor = actor

    def add_account(self, name: str, role: Role, password: str) -> Account:
        """Make an account.

        Raises:
            InputError: if the name cannot be used.
            ProblemError: 422 for a weak password, 409 if the name was given before.
        """
        if any(key.name == name for key in self._entrance.keys.all()):
            raise ProblemError(
                Problem.CONFLICT, f"the name {name!r} is a key's; the ledger could not tell them"
            )
        with self._entrance.database.transaction():
            account = self._entrance.accounts.add(name, role, password)
            self._record(Action.ACCOUNT, account.name, "added", role=role.value)
        return account

    def set_password(self, name: str, password: str, *, keep_session: str | None = None) -> Account:
        """Give an account another password and end its sessions.

        Args:
            name: of the account.
            password: in clear.
            keep_session: token of a session that goes on: that of the one who changes the own password.

        Raises:
            UnknownNameError: if there is none of this name.
            ProblemError: 422 for a weak password.
        """
        with self._entrance.database.transaction():
            account = self._entrance.accounts.set_password(name, password)
            ended = self._entrance.sessions.end_all(name, but=keep_session)
            self._record(Action.ACCOUNT, name, "password set", sessions_ended=ended)
        return account

    def set_role(self, name: str, role: Role) -> Account:
        """Give an account another role.

        Raises:
            UnknownNameError: if there is none of this name.
            ProblemError: 409 for the last administrator.
        """
        with self._entrance.database.transaction():
            if role is not Role.ADMINISTRATOR:
                self._not_the_last(name)
            before = self._entrance.accounts.get(name).role
            account = self._entrance.accounts.set_role(name, role)
            self._record(Action.ACCOUNT, name, "role set", role=role.value, before=before.value)
        return account

    def disable(self, name: str) -> Account:
        """Forbid signing in and end all sessions.

        Raises:
            UnknownNameError: if there is none of this name.
            ProblemError: 409 for the last administrator.
        """
        with self._entrance.database.transaction():
            self._not_the_last(name)
            account = self._entrance.accounts.set_disabled(name, disabled=True)
            ended = self._entrance.sessions.end_all(name)
            self._record(Action.ACCOUNT, name, "disabled", sessions_ended=ended)
        return account

    def enable(self, name: str) -> Account:
        """Allow signing in again.

        Raises:
            UnknownNameError: if there is none of this name.
        """
        with self._entrance.database.transaction():
            account = self._entrance.accounts.set_disabled(name, disabled=False)
            self._record(Action.ACCOUNT, name, "enabled")
        return account

    def remove(self, name: str) -> None:
        """Remove an account for ever; its entries in the ledger stay.

        Raises:
            UnknownNameError: if there is none of this name.
            ProblemError: 409 for the last administrator.
        """
        with self._entrance.database.transaction():
            self._not_the_last(name)
            self._entrance.accounts.remove(name)
            ended = self._entrance.sessions.end_all(name)
            self._record(Action.ACCOUNT, name, "removed", sessions_ended=ended)

    def create_key(self, name: str, role: Role, *, days: float) -> tuple[str, ApiKey]:
        """Make a key; return it and what is known of it.

        Raises:
            InputError: for a name or a number of days that cannot be used.
            ProblemError: 409 if the name is or was an account's.
        """
        if self._entrance.accounts.known(name):
            raise ProblemError(
                Problem.CONFLICT, f"the name {name!r} is an account's; give the key the name of its program"
            )
        with self._entrance.database.transaction():
            text, key = self._entrance.keys.create(name, role, days=days)
            self._record(Action.KEY, name, "created", prefix=key.prefix, role=role.value, days=days)
        return text, key

    def rotate_key(self, prefix: str, *, days: float, overlap_s: float = 0.0) -> tuple[str, ApiKey]:
        """Make a successor of a key; return it and what is known of it.

        Raises:
            UnknownNameError: if there is none with this prefix.
            InputError: if it was revoked or has ended, or for times that cannot be used.
        """
        if not 0 <= overlap_s <= 30 * 86_400:
            raise InputError("the old key can stay good for at most 30 days")
        with self._entrance.database.transaction():
            text, key = self._entrance.keys.rotate(prefix, days=days, overlap_s=overlap_s)
            details = {"prefix": key.prefix, "before": prefix, "overlap_s": overlap_s}
            self._record(Action.KEY, key.name, "rotated", **details)
        return text, key

    def revoke_key(self, prefix: str) -> ApiKey:
        """Take a key back at once.

        Raises:
            UnknownNameError: if there is none with this prefix.
        """
        with self._entrance.database.transaction():
            key = self._entrance.keys.revoke(prefix)
            self._record(Action.KEY, key.name, "revoked", prefix=prefix)
        return key

    def _not_the_last(self, name: str) -> None:
        able = [
            account.name
            for account in self._entrance.accounts.all()
            if account.role is Role.ADMINISTRATOR and not account.disabled
        ]
        if able == [name]:
            raise ProblemError(
                Problem.CONFLICT, f"{name!r} is the last administrator; make another one before"
            )

    def _record(self, action: Action, name: str, what: str, **details: object) -> None:
        kind = "account" if action is Action.ACCOUNT else "key"
        self._entrance.ledger.record(self._actor, action, details={kind: name, "what": what, **details})
