"""Cases and exports with made-up people, for tests."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from attrieve.serving.access.roles import Actor, Role
from attrieve.serving.cases.case import (
    Case,
    CaseStatus,
    Mark,
    Member,
    MemberRole,
    Note,
    SavedHit,
    SavedQuery,
)
from attrieve.serving.cases.content import CaseContent, GalleryFacts, HitContent
from attrieve.serving.pictures import Picture, placeholder
from attrieve.serving.state.signing import SigningKey

LEE = Actor("lee", Role.SEARCHER, "session")
KIM = Actor("kim", Role.SEARCHER, "session")
ANN = Actor("ann", Role.SEARCHER, "session")
LOCAL = Actor("root", Role.ADMINISTRATOR, "local")
NOW = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))


def key_of(number: int) -> str:
    return f"{number:016x}"


def picture(number: int) -> Picture:
    """A picture of coloured squares."""
    colours = np.random.default_rng(number).integers(40, 230, (8, 4, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.kron(colours, np.ones((16, 16, 1), dtype=np.uint8))).save(buffer, "JPEG")
    return Picture(buffer.getvalue(), "image/jpeg")


def note(number: int, text: str, key: str | None = None) -> Note:
    return Note(number, "lee", NOW, text, key)


def saved_hit(number: int, mark: Mark | None = None, **facts: Any) -> SavedHit:
    reasons = [
        {"attribute": "hat", "label": "hat", "wanted": False, "certainty": 1.0, "probability": 0.02},
        {"attribute": "bag", "label": "bag", "wanted": True, "certainty": 0.5, "probability": 0.4},
    ]
    told = [{**reason, "matches": (reason["probability"] >= 0.5) == reason["wanted"]} for reason in reasons]  # type: ignore[operator]
    usual = {
        "rank": number,
        "distance": 0.125 * number,
        "camera": "C1",
        "source": f"/c/{number}.png",
        "reasons": told,
    }
    marked = (None, None) if mark is None else ("kim", NOW)
    return SavedHit(key_of(number), {**usual, **facts}, 1, "lee", NOW, mark, *marked, None)


def content(
    hits: tuple[HitContent, ...] | None = None,
    *,
    number: str = "2024-117",
    title: str = "Missing child",
    purpose: str = "Find the child",
    notes: tuple[Note, ...] = (),
) -> CaseContent:
    case = Case(
        1,
        number,
        title,
        purpose,
        CaseStatus.OPEN,
        "lee",
        NOW,
        NOW,
        (Member("lee", MemberRole.OWNER),),
        1,
        1,
        3,
    )
    if hits is None:
        hits = (
            HitContent(
                saved_hit(1, Mark.RIGHT), picture(1), (note(5, "Seen again at the gate.", key_of(1)),)
            ),
            HitContent(saved_hit(2, Mark.WRONG), picture(2), ()),
            HitContent(saved_hit(3), placeholder("/c/3.png: no such image file"), ()),
        )
    return CaseContent(
        case,
        (SavedQuery(1, "a bag", "bag?, !hat", {"query": "bag?, !hat", "where": ["camera=C1"]}, "lee", NOW),),
        notes,
        hits,
        GalleryFacts(
            "people", "abc-17", 12345, "run", "0123456789abcdef", "small", "f" * 16, {}, "attrieve 1"
        ),
        "lee",
        NOW,
        KEY.public_key,
    )
