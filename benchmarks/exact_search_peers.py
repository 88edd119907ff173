"""Other engines asked the same question as exact search, each as well as it can answer it.

None of them ranks by the fused distance. SQL computes it from a formula; the others give the nearest rows of
each column by itself, ``DEPTH`` of each, and their union is ranked by the fused distance here, with the
maxima of the union. What that misses shows in the recall of the exact answer.
"""

import importlib
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from attrieve.gallery.exact import FusedQuery

DEPTH = 1000
"""Nearest rows of each column that are merged."""

LISTS, PROBES = 1024, 32
"""Of faiss's inverted file: clusters, and how many are looked at."""

Search = Callable[[FusedQuery], np.ndarray]


@dataclass(frozen=True)
class Gallery:
    """Both columns, and what peers need to be fair: how many rows are asked for, on how many threads."""

    embedding: np.ndarray
    probability: np.ndarray
    top: int
    threads: int

    def merged(self, query: FusedQuery, *found: np.ndarray) -> np.ndarray:
        """Rank the union of rows by the fused distance, in float32."""
        rows = np.unique(np.concatenate(found))
        vector, target = asked(query)
        embedding = 1 - self.embedding[rows] @ vector
        attribute = np.linalg.norm(self.probability[rows] - target, axis=1)
        fused = query.fusion.attribute_weight * attribute / attribute.max()
        fused += query.fusion.embedding_weight * embedding / embedding.max()
        return np.asarray(rows[np.argsort(fused, kind="stable")[: self.top]])


@dataclass(frozen=True)
class Peer:
    """An engine.

    Args:
        name: as the table shows it.
        package: what is installed for it; its version is recorded.
        most_rows: of a gallery it answers in reasonable time.
        prepare: builds what it needs in a gallery, given a stack that closes it, and returns a search.
    """

    name: str
    package: str
    most_rows: int
    prepare: Callable[[Gallery, ExitStack], Search]

    def missing(self) -> str | None:
        """Return why it cannot be measured here, or None."""
        try:
            version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return f"{self.package} is not installed"
        return None


def asked(query: FusedQuery) -> tuple[np.ndarray, np.ndarray]:
    """Return the vector and the targets of a full description in float32."""
    assert query.embedding is not None
    assert query.target is not None
    return query.embedding.astype(np.float32), query.target.astype(np.float32)


def faiss_inverted_file(gallery: Gallery, _stack: ExitStack) -> Search:
    """Two inverted files, looked at in part."""
    faiss = importlib.import_module("faiss")
    faiss.omp_set_num_threads(gallery.threads)
    indexes = []
    for column, metric in (
        (gallery.embedding, faiss.METRIC_INNER_PRODUCT),
        (gallery.probability, faiss.METRIC_L2),
    ):
        lists = max(1, min(LISTS, len(column) // 40))
        index = faiss.index_factory(column.shape[1], f"IVF{lists},Flat", metric)
        index.cp.niter, index.cp.max_points_per_centroid = 5, 64
        index.train(column)
        index.add(column)
        index.nprobe = PROBES
        indexes.append(index)

    def search(query: FusedQuery) -> np.ndarray:
        found = [
            index.search(wanted[None], min(DEPTH, index.ntotal))[1][0]
            for index, wanted in zip(indexes, asked(query), strict=True)
        ]
        return gallery.merged(query, *(rows[rows >= 0] for rows in found))

    return search


def usearch_exact(gallery: Gallery, _stack: ExitStack) -> Search:
    """Exact search of each column."""
    index = importlib.import_module("usearch.index")
    depth = min(DEPTH, len(gallery.embedding))

    def search(query: FusedQuery) -> np.ndarray:
        found = [
            index.search(column, wanted, depth, metric, exact=True, threads=gallery.threads).keys
            for column, wanted, metric in zip(
                (gallery.embedding, gallery.probability),
                asked(query),
                (index.MetricKind.IP, index.MetricKind.L2sq),
                strict=True,
            )
        ]
        return gallery.merged(query, *(np.asarray(rows).reshape(-1).astype(np.int64) for rows in found))

    return search


def duckdb_formula(gallery: Gallery, stack: ExitStack) -> Search:
    """The fused distance as SQL, over arrays of fixed length."""
    duckdb = importlib.import_module("duckdb")
    connection = stack.enter_context(duckdb.connect(config={"threads": gallery.threads}))
    rows = arrow_table(gallery)  # duckdb finds it by this name
    dim, attributes = gallery.embedding.shape[1], gallery.probability.shape[1]
    connection.execute(
        f"create table gallery as select id, embedding::float[{dim}] as embedding, "
        f"probability::float[{attributes}] as probability from rows"
    )
    del rows
    question = (
        f"with d as (select id, array_distance(probability, $target::float[{attributes}]) as a, "
        f"1 - array_inner_product(embedding, $vector::float[{dim}]) as e from gallery), "
        "m as (select max(a) as a, max(e) as e from d) "
        "select d.id from d, m order by $by_attribute * d.a / m.a + $by_embedding * d.e / m.e, d.id "
        f"limit {gallery.top}"
    )

    def search(query: FusedQuery) -> np.ndarray:
        vector, target = asked(query)
        parameters = {
            "vector": vector.tolist(),
            "target": target.tolist(),
            "by_attribute": query.fusion.attribute_weight,
            "by_embedding": query.fusion.embedding_weight,
        }
        return np.array([row[0] for row in connection.execute(question, parameters).fetchall()])

    return search


def lancedb_flat(gallery: Gallery, stack: ExitStack) -> Search:
    """LanceDB without an index: exact search of each column."""
    lancedb = importlib.import_module("lancedb")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="exact-search-lancedb-"))
    table = lancedb.connect(folder).create_table("gallery", arrow_table(gallery))

    def search(query: FusedQuery) -> np.ndarray:
        found = [
            table.search(wanted, vector_column_name=name)
            .distance_type(metric)
            .select(["id", "_distance"])
            .limit(DEPTH)
            .to_arrow()["id"]
            .to_numpy()
            for name, wanted, metric in zip(
                ("embedding", "probability"), asked(query), ("cosine", "l2"), strict=True
            )
        ]
        return gallery.merged(query, *found)

    return search


def qdrant_local(gallery: Gallery, stack: ExitStack) -> Search:
    """Qdrant's local mode, in memory."""
    qdrant = importlib.import_module("qdrant_client")
    models = importlib.import_module("qdrant_client.models")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # local mode calls itself unsuited above 20,000 points
        client = qdrant.QdrantClient(":memory:")
        stack.callback(client.close)
        client.create_collection(
            "gallery",
            vectors_config={
                "embedding": models.VectorParams(
                    size=gallery.embedding.shape[1], distance=models.Distance.DOT
                ),
                "probability": models.VectorParams(
                    size=gallery.probability.shape[1], distance=models.Distance.EUCLID
                ),
            },
        )
        client.upload_collection(
            "gallery",
            vectors={"embedding": gallery.embedding, "probability": gallery.probability},
            ids=range(len(gallery.embedding)),
        )

    def search(query: FusedQuery) -> np.ndarray:
        found = [
            client.query_points("gallery", wanted.tolist(), using=name, limit=DEPTH).points
            for name, wanted in zip(("embedding", "probability"), asked(query), strict=True)
        ]
        return gallery.merged(query, *(np.array([point.id for point in points]) for points in found))

    return search


def milvus_lite(gallery: Gallery, stack: ExitStack) -> Search:
    """Milvus Lite with flat indexes."""
    milvus = importlib.import_module("pymilvus")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="exact-search-milvus-"))
    server = importlib.import_module("milvus_lite.server_manager").server_manager_instance
    stack.callback(server.release_all)  # else it still writes to the folder when that is gone
    client = milvus.MilvusClient(str(Path(folder) / "gallery.db"))
    stack.callback(client.close)
    schema = client.create_schema()
    schema.add_field("id", milvus.DataType.INT64, is_primary=True)
    metrics = {"embedding": "IP", "probability": "L2"}
    columns = {"embedding": gallery.embedding, "probability": gallery.probability}
    index = client.prepare_index_params()
    for name, column in columns.items():
        schema.add_field(name, milvus.DataType.FLOAT_VECTOR, dim=column.shape[1])
        index.add_index(name, index_type="FLAT", metric_type=metrics[name])
    client.create_collection("gallery", schema=schema, index_params=index)
    for batch in batches(len(gallery.embedding), 5000):
        client.insert(
            "gallery",
            [{"id": row, **{name: column[row] for name, column in columns.items()}} for row in batch],
        )
    client.load_collection("gallery")

    def search(query: FusedQuery) -> np.ndarray:
        found = [
            client.search("gallery", [wanted.tolist()], anns_field=name, limit=DEPTH)[0]
            for name, wanted in zip(columns, asked(query), strict=True)
        ]
        return gallery.merged(query, *(np.array([hit["id"] for hit in hits]) for hits in found))

    return search


def batches(rows: int, size: int) -> Iterator[range]:
    """Yield ranges of rows."""
    for start in range(0, rows, size):
        yield range(start, min(start + size, rows))


def arrow_table(gallery: Gallery) -> Any:
    """Return id, embedding and probability as one Arrow table."""
    arrow = importlib.import_module("pyarrow")
    columns = {"id": arrow.array(np.arange(len(gallery.embedding)))}
    for name, column in (("embedding", gallery.embedding), ("probability", gallery.probability)):
        flat = arrow.array(np.ascontiguousarray(column).reshape(-1))
        columns[name] = arrow.FixedSizeListArray.from_arrays(flat, column.shape[1])
    return arrow.table(columns)


PEERS = (
    Peer("faiss, inverted files", "faiss-cpu", 1_000_000, faiss_inverted_file),
    Peer("usearch, exact", "usearch", 1_000_000, usearch_exact),
    Peer("DuckDB, SQL formula", "duckdb", 1_000_000, duckdb_formula),
    Peer("LanceDB, no index", "lancedb", 100_000, lancedb_flat),
    Peer("Qdrant, local mode", "qdrant-client", 100_000, qdrant_local),
    Peer("Milvus Lite, flat", "milvus-lite", 20_000, milvus_lite),
)
