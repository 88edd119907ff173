"""Which passwords are taken, and how they are kept: as Argon2id hashes (RFC 9106).

Long rather than colourful, as NIST SP 800-63B (section 3.1.1) has it: no rule on digits or signs, but neither
what is guessed first.
"""

import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from attrieve.serving.problems import Problem, ProblemError

SHORTEST = 12
LONGEST = 256
_GUESSED_FIRST = (
    "password", "passwort", "passw0rd", "letmein", "welcome", "qwerty", "qwertz", "azerty", "asdfgh",
    "iloveyou", "admin", "administrator", "attrieve", "changeme", "secret", "abc123", "monkey", "dragon",
    "0123456789", "123456789", "12345678", "1234567", "123456", "12345", "1234", "987654321", "98765",
)  # fmt: skip
_AT_ONCE = 2


class Passwords:
    """Makes and checks hashes; a few at a time, since each takes 64 MiB for a moment.

    Args:
        hasher: how costly they are; RFC 9106's second recommendation by default.

    >>> passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    >>> kept = passwords.hash("four short lamps sing")
    >>> passwords.matches(kept, "four short lamps sing"), passwords.matches(None, "four short lamps sing")
    (True, False)
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = threading.Semaphore(_AT_ONCE)
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        with self._places:
            return self._hasher.hash(_normal(password))

    def matches(self, kept: str | None, password: str) -> bool:
        """Whether a password is the one kept; takes as long for nobody's (None) as for a wrong one."""
        if self._nobody is None:
            self._nobody = self.hash(secrets.token_urlsafe(32))
        with self._places:
            try:
                self._hasher.verify(kept or self._nobody, _normal(password)[:LONGEST])
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other costs than are used now."""
        return self._hasher.check_needs_rehash(kept)


def check_password(password: str, name: str) -> None:
    """Refuse a password that is easily guessed.

    Args:
        password: in clear.
        name: of the account.

    Raises:
        ProblemError: 422, saying which rule it breaks.

    >>> check_password("four short lamps sing", "kim")
    """
    normal = _normal(password)
    if len(normal) < SHORTEST:
        raise _weak(f"it has {len(normal)} characters, at least {SHORTEST} are needed; a few words do well")
    if len(normal) > LONGEST:
        raise _weak(f"it has {len(normal)} characters, at most {LONGEST} are taken")
    rest = normal.casefold()
    for word in sorted(
        {name.casefold(), *name.casefold().split("@"), *_GUESSED_FIRST}, key=len, reverse=True
    ):
        if len(word) >= 3:
            rest = rest.replace(word, "")
    if len(set(rest)) < 5 or len(rest) < 6:
        raise _weak("it is made of little else than the name, a row of keys or what is guessed first")


def _weak(reason: str) -> ProblemError:
    return ProblemError(Problem.WEAK_PASSWORD, f"the password is not taken: {reason}")


def _normal(password: str) -> str:
    """Return one spelling for what looks the same, whatever keyboard it was typed on."""
    return unicodedata.normalize("NFKC", password)
