"""What surrounds every page: who is there, where one can go, what the work is for."""

from collections.abc import Callable
from dataclasses import dataclass, field

from markupsafe import Markup

from attrieve.serving.access.roles import Actor, Permission


@dataclass(frozen=True)
class Place:
    """A page in the menu.

    Args:
        name: as in the strings.
        address: where it is.
        icon: name of a drawing.
        permission: who is shown it.
    """

    name: str
    address: str
    icon: str
    permission: Permission


PLACES = (
    Place("search", "/", "search", Permission.SEARCH),
    Place("cases", "/cases", "folder", Permission.CASE),
    Place("gallery", "/gallery", "chart", Permission.SEE_GALLERY),
    Place("jobs", "/jobs", "clock", Permission.JOBS),
    Place("ledger", "/ledger", "list", Permission.READ_LEDGER),
    Place("accounts", "/accounts", "people", Permission.MANAGE_ACCOUNTS),
)


@dataclass(frozen=True)
class Frame:
    """The frame of a page.

    Args:
        here: name of the place the page belongs to, or empty.
        address: of the page itself, path and query, to come back to.
        actor: who is there, or None before signing in.
        theme: "light" or "dark" if chosen, else None for the machine's own.
        purpose: what the work is for, if said.
        case: the case number, if said.
        notice: one line about what was just done.
        refresh_seconds: for browsers without JavaScript, when the page is loaded again.
        csrf: makes the hidden field that every form that changes something carries.
    """

    here: str = ""
    address: str = "/"
    actor: Actor | None = None
    theme: str | None = None
    purpose: str | None = None
    case: str | None = None
    notice: str | None = None
    refresh_seconds: int | None = None
    csrf: Callable[[], Markup] = field(default=Markup, repr=False)

    @property
    def places(self) -> tuple[Place, ...]:
        """Pages this actor may see."""
        return tuple(place for place in PLACES if self.may(place.permission))

    @property
    def home(self) -> str:
        """The first page this actor may see."""
        return self.places[0].address if self.places else "/responsible-use"

    @property
    def occasion_shown(self) -> bool:
        """Whether purpose and case number matter to this actor."""
        return self.may(Permission.SEARCH) or self.may(Permission.VIEW)

    @property
    def actor_name(self) -> str:
        """Who is there, or empty."""
        return "" if self.actor is None else self.actor.name

    @property
    def actor_role(self) -> str:
        """The role, or empty."""
        return "" if self.actor is None else self.actor.role.value

    @property
    def actor_local(self) -> bool:
        """Whether there are no accounts and the machine's user is there."""
        return self.actor is not None and self.actor.through == "local"

    @property
    def signed_in(self) -> bool:
        """Whether one can sign out."""
        return self.actor is not None and self.actor.through == "session"

    @property
    def offers_sign_in(self) -> bool:
        """Whether nobody is there yet."""
        return self.actor is None and self.here != "sign_in"

    def may(self, permission: Permission) -> bool:
        """Whether the actor has a permission."""
        return self.actor is not None and self.actor.may(permission)


def csrf_field(token: str) -> Markup:
    """Return the hidden field that carries a token.

    >>> csrf_field('a"b')
    Markup('<input type="hidden" name="csrf" value="a&#34;b">')
    """
    return Markup('<input type="hidden" name="csrf" value="{}">').format(token)
