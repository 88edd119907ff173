"""What an export of a case contains: gathered once, then written as a document or an archive."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from attrieve import __version__
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.store import Gallery
from attrieve.serving.access.roles import Actor
from attrieve.serving.cases.case import Case, Note, Page, SavedHit, SavedQuery
from attrieve.serving.cases.cases import Cases
from attrieve.serving.galleries import version_of
from attrieve.serving.pictures import Picture, crop_of, placeholder
from attrieve.serving.showing import places_of
from attrieve.serving.state.ledger import Ledger, LedgerEntry
from attrieve.serving.state.ledger_seal import SignedHead

LEAD = "A hit is a lead, not an identification."
ERASED = "This row was erased everywhere; only that it was chosen and marked is left."
GONE = "The gallery holds this row no longer."

_PAGE = 500
Item = TypeVar("Item")


@dataclass(frozen=True)
class HitContent:
    """A saved hit with everything that is told of it.

    Args:
        hit: as it was saved and marked.
        picture: of the row, or a placeholder with the reason.
        notes: about it, in the order they were written.
    """

    hit: SavedHit
    picture: Picture = field(repr=False)
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class GalleryFacts:
    """Where was searched, and by what.

    Args:
        name: of the gallery.
        version: changes whenever the gallery does.
        rows: how many it holds.
        model: name of the run that filled it.
        model_fingerprint: of that run's weights.
        vocabulary: name of its vocabulary.
        vocabulary_fingerprint: of its attributes and groups.
        fusion: how distances are joined unless a search says otherwise.
        program: name and version of this program.
    """

    name: str
    version: str
    rows: int
    model: str
    model_fingerprint: str
    vocabulary: str
    vocabulary_fingerprint: str
    fusion: Mapping[str, Any]
    program: str

    @classmethod
    def of(cls, gallery: Gallery, name: str) -> "GalleryFacts":
        """Return the facts of a gallery."""
        fusion = gallery.fusion
        return cls(
            name=name,
            version=version_of(gallery),
            rows=len(gallery),
            model=gallery.model.name,
            model_fingerprint=gallery.model.fingerprint,
            vocabulary=gallery.schema.name,
            vocabulary_fingerprint=gallery.schema.fingerprint,
            fusion={
                "attribute_weight": fusion.attribute_weight,
                "embedding_weight": fusion.embedding_weight,
                "normalisation": fusion.normalisation.value,
            },
            program=f"attrieve {__version__}",
        )


@dataclass(frozen=True)
class CaseContent:
    """A case as it is exported; equal content makes equal files.

    Args:
        case: the folder.
        queries: saved ones.
        notes: about the case, not about single hits.
        hits: saved ones, in the order they were saved.
        gallery: where was searched.
        exported_by: name of the account.
        exported_at: in UTC.
        public_key: of the installation, 64 hexadecimal digits.
        audit: what the ledger holds of the case.
        head: where the ledger ended.
    """

    case: Case
    queries: tuple[SavedQuery, ...]
    notes: tuple[Note, ...]
    hits: tuple[HitContent, ...]
    gallery: GalleryFacts
    exported_by: str
    exported_at: datetime
    public_key: str
    audit: tuple[LedgerEntry, ...] = ()
    head: SignedHead | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the rows whose pictures or facts it contains."""
        return tuple(one.hit.key for one in self.hits if one.hit.erased_at is None)


def gather(
    cases: Cases,
    ledger: Ledger,
    gallery: Gallery,
    gallery_name: str,
    actor: Actor,
    case_id: int,
    *,
    exported_at: datetime,
    pixels_most: int,
    progress: Callable[[int, int], object] | None = None,
) -> CaseContent:
    """Gather what an export of a case contains, as far as somebody may see it.

    Args:
        cases: the folders.
        ledger: for the audit extract, and the installation's key.
        gallery: where pictures are looked up.
        gallery_name: its name.
        actor: who exports.
        case_id: identifier of the case.
        exported_at: in UTC.
        pixels_most: of a picture.
        progress: called with the number of hits that are done, and of all.

    Raises:
        UnknownCaseError: if there is none that the actor may see.
        StorageError: if something cannot be read.
    """
    case = cases.get(actor, case_id)
    notes = tuple(_all(lambda page: cases.notes(actor, case_id, page=page, page_size=_PAGE)))
    saved = tuple(_all(lambda page: cases.hits(actor, case_id, page=page, page_size=_PAGE)))
    by_key: dict[str, list[Note]] = {}
    for note in notes:
        if note.key is not None:
            by_key.setdefault(note.key, []).append(note)
    hits = []
    for number, hit in enumerate(saved):
        if progress is not None:
            progress(number, len(saved))
        about = tuple(by_key.get(hit.key, ()))
        hits.append(HitContent(hit, _picture(gallery, hit, pixels_most), about))
    known = {hit.key for hit in saved}
    return CaseContent(
        case=case,
        queries=tuple(_all(lambda page: cases.queries(actor, case_id, page=page, page_size=_PAGE))),
        notes=tuple(note for note in notes if note.key is None or note.key not in known),
        hits=tuple(hits),
        gallery=GalleryFacts.of(gallery, gallery_name),
        exported_by=actor.name,
        exported_at=exported_at,
        public_key=ledger.key.public_key,
        audit=tuple(ledger.entries(case=case.number)),
        head=ledger.head(),
    )


def _all(read: Callable[[int], Page[Item]]) -> Iterator[Item]:
    first = read(1)
    yield from first.items
    for page in range(2, first.pages + 1):
        yield from read(page).items


def _picture(gallery: Gallery, hit: SavedHit, pixels_most: int) -> Picture:
    if hit.erased_at is not None:
        return placeholder(ERASED)
    row = row_of(gallery, hit.key)
    return placeholder(GONE) if row is None else crop_of(row, pixels_most)


def row_of(gallery: Gallery, key: str) -> GalleryRow | None:
    """Return the row of a key, or None if the gallery does not hold it."""
    if not len(gallery):
        return None
    [place] = places_of(gallery, [key])
    return None if place < 0 else gallery.store.rows_at(gallery.columns.row_id[[place]])[0]
