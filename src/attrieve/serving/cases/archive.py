"""A case as a zip archive: pictures, searches, scores, notes and audit extract, with checksums, signed.

::

    README.txt        what is in it, and how to check it
    case.pdf          the document
    case.json         number, title, purpose, members, notes, hits with marks
    query.json        saved searches, as the search interface takes them
    model.json        gallery, model and program with their fingerprints
    scores.csv        one line for each hit
    attributes.csv    one line for each attribute asked of each hit
    notes.csv         one line for each note
    crops/KEY.jpg     pictures, encoded anew
    audit.jsonl       what the ledger holds of the case
    ledger-head.json  where the ledger ended, signed
    signing-key.pem   public half of the installation's key
    MANIFEST          SHA-256 of every file above, as `sha256sum --check` reads it
    MANIFEST.sig      signature of MANIFEST (Ed25519), 128 hexadecimal digits

Equal content makes equal bytes.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from attrieve.serving.cases.case import Note, SavedHit
from attrieve.serving.cases.content import LEAD, CaseContent, HitContent
from attrieve.serving.state.ledger_export import LedgerFormat, export_lines, plain_cell
from attrieve.serving.state.signing import SigningKey

MANIFEST, SIGNATURE, PUBLIC_KEY = "MANIFEST", "MANIFEST.sig", "signing-key.pem"
_EPOCH = (1980, 1, 1, 0, 0, 0)

_README = """{lead}

Case {number}: {title}
Purpose: {purpose}
Exported by {who} at {when} with {program}.

To check that nothing was changed since:

    attrieve case verify THIS-FILE.zip --public-key KEY

KEY is the installation's public key, which its operator can tell you by another way than this file:

    {key}

Without attrieve, in the unpacked folder:

    sha256sum --check MANIFEST
    xxd -r -p MANIFEST.sig > signature
    openssl pkeyutl -verify -pubin -inkey signing-key.pem -rawin -in MANIFEST -sigfile signature

Cells of tables that a spreadsheet could take for a formula begin with an apostrophe.
"""


def case_archive(content: CaseContent, key: SigningKey, document: bytes | None = None) -> bytes:
    """Return the archive.

    Args:
        content: of the case.
        key: of the installation; signs.
        document: the same content as PDF, to go along, or None.
    """
    files = _files(content)
    files[PUBLIC_KEY] = key.public_pem.encode("ascii")
    if document is not None:
        files["case.pdf"] = document
    manifest = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    files[MANIFEST] = manifest.encode("ascii")
    files[SIGNATURE] = (key.sign(files[MANIFEST]) + "\n").encode("ascii")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            packed = zipfile.ZIP_STORED if name.endswith((".jpg", ".png")) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], packed, 9)
    return buffer.getvalue()


def _files(content: CaseContent) -> dict[str, bytes]:
    readme = _README.format(
        lead=LEAD,
        number=content.case.number,
        title=content.case.title,
        purpose=content.case.purpose,
        who=content.exported_by,
        when=_moment(content.exported_at),
        program=content.gallery.program,
        key=content.public_key,
    )
    files = {
        "README.txt": readme.encode(),
        "case.json": _json(_case(content)),
        "query.json": _json([_plain(vars(query)) for query in content.queries]),
        "model.json": _json(vars(content.gallery)),
        "scores.csv": _table(_SCORES, (_score(one) for one in content.hits)),
        "attributes.csv": _table(_ATTRIBUTES, (row for one in content.hits for row in _attributes(one.hit))),
        "notes.csv": _table(_NOTES, map(_note, _all_notes(content))),
        "audit.jsonl": "".join(export_lines(content.audit, LedgerFormat.JSON_LINES)).encode(),
    }
    if content.head is not None:
        files["ledger-head.json"] = _json(content.head.to_dict())
    for one in content.hits:
        if one.picture.missing is None:
            files[picture_name(one)] = one.picture.content
    return files


def picture_name(one: HitContent) -> str:
    """Return the name of a picture in the archive; made of the key alone."""
    ending = "png" if one.picture.media_type == "image/png" else "jpg"
    return f"crops/{one.hit.key}.{ending}"


def _case(content: CaseContent) -> dict[str, Any]:
    return {
        "notice": LEAD,
        "case": _plain(vars(content.case)),
        "exported_by": content.exported_by,
        "exported_at": content.exported_at.isoformat(),
        "public_key": content.public_key,
        "notes": [_plain(vars(note)) for note in content.notes],
        "hits": [
            _plain(vars(one.hit))
            | {
                "picture": picture_name(one) if one.picture.missing is None else None,
                "picture_missing": one.picture.missing,
                "notes": [_plain(vars(note)) for note in one.notes],
            }
            for one in content.hits
        ],
    }


_SCORES = (
    "key", "rank", "distance", "match_probability", "attribute_distance", "embedding_distance", "camera",
    "time", "source", "track", "mark", "marked_by", "marked_at", "saved_by", "saved_at", "query", "picture",
    "picture_missing", "erased_at",
)  # fmt: skip


def _score(one: HitContent) -> list[object]:
    hit, facts = one.hit, one.hit.facts
    measured = [facts.get(name) for name in _SCORES[1:10]]
    there = one.picture.missing is None
    return [
        hit.key,
        *measured,
        hit.mark and hit.mark.value,
        hit.marked_by,
        hit.marked_at,
        hit.saved_by,
        hit.saved_at,
        hit.query,
        picture_name(one) if there else None,
        one.picture.missing,
        hit.erased_at,
    ]


_ATTRIBUTES = (
    "key", "attribute", "label", "wanted", "certainty", "probability", "calibrated", "matches", "share",
    "contribution",
)  # fmt: skip


def _attributes(hit: SavedHit) -> Iterable[list[object]]:
    for reason in reasons_of(hit):
        yield [hit.key, *(reason.get(name) for name in _ATTRIBUTES[1:])]


def reasons_of(hit: SavedHit) -> list[Mapping[str, Any]]:
    """Return what was asked and seen of a hit, attribute by attribute; of facts of another form nothing."""
    reasons = hit.facts.get("reasons")
    return [one for one in reasons if isinstance(one, Mapping)] if isinstance(reasons, list) else []


_NOTES = ("id", "author", "written_at", "key", "text")


def _note(note: Note) -> list[object]:
    return [note.id, note.author, note.written_at, note.key, note.text]


def _all_notes(content: CaseContent) -> list[Note]:
    notes = [*content.notes, *(note for one in content.hits for note in one.notes)]
    return sorted(notes, key=lambda note: note.id)


def _table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: object) -> str:
    """Return a cell: numbers as they are, and no text that a spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return plain_cell(str(value))


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain(vars(value))
    return value.isoformat() if isinstance(value, datetime) else value


def _json(value: Any) -> bytes:
    return (json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
