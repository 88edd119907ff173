"""``attrieve search --heat-maps``: where things were found in the hits, as one picture."""

from io import BytesIO
from pathlib import Path

from attrieve.cli.search_answer import Answer
from attrieve.data.files import write_atomically
from attrieve.gallery.explained_hits import explain_hits, require_run_of_gallery
from attrieve.gallery.heat_map_sheet import heat_map_sheet


def write_heat_maps(path: Path, run: str, found: Answer) -> None:
    """Look again at the hits by the model of a run, and write the sheet.

    Raises:
        AttrieveError: if the run cannot be read or did not fill the gallery, or an image is gone.
    """
    from attrieve.models.retriever import Retriever  # the library of backbones takes a second to load

    retriever = Retriever.from_pretrained(run)
    require_run_of_gallery(retriever, found.model)
    sheet = heat_map_sheet(
        explain_hits(retriever, found.ranking.hits), retriever.schema, found.statement.query.to_text()
    )
    buffer = BytesIO()
    sheet.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
