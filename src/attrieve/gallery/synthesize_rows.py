"""Rows of people who do not exist, with the statistics of a gallery that cameras fill.

Rows are drawn block by block, each from a seed of its own: a block depends on the settings and its number
alone, so that a gallery of fewer rows is the beginning of a larger one, and threads may draw at once.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float32, Float64, Int8, Int64, UInt64

from attrieve.data.synthetic import DrawnPeopleConfig, draw_values
from attrieve.errors import ConfigurationError
from attrieve.gallery.database.layout import MOMENT, TEXT
from attrieve.gallery.database.vectors import Vectors
from attrieve.models.configuration import RetrieverSettings
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeSchema, load_vocabulary

BLOCK_ROWS = 16_384
PERSONS = 8192
"""Drawn persons whose labels the tracks have; one in nine shares them with another."""

CAMERAS = 24
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 28
FRAMES_PER_S = 25
FRAMES_BETWEEN_ROWS = 5
FRAME_WIDTH_PX, FRAME_HEIGHT_PX = 1920, 1080

_MEAN_TRACK_ROWS = 8
_LONGEST_TRACK_ROWS = 60
_TRACK_SPREAD, _ROW_SPREAD = 0.6, 0.35
"""Lengths of what a track and a row add to the unit vector of their category."""
_TRACK_DOUBT, _ROW_DOUBT = 0.8, 0.5
"""Standard deviations of what a track and a row add to the logits."""
_DIGITS = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint8).reshape(256, 2)


@dataclass(frozen=True)
class SyntheticSettings:
    """What decides every bit of a synthetic gallery.

    Args:
        seed: 0 or more.
        embedding_dim: width of the embeddings, at least 2.
        vocabulary: peta35 or peta105.

    Raises:
        ConfigurationError: for a number out of range.
        UnknownNameError: for another vocabulary.
    """

    seed: int = 0
    embedding_dim: int = 128
    vocabulary: str = "peta35"
    schema: AttributeSchema = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.seed < 0 or self.embedding_dim < 2:
            raise ConfigurationError(
                f"seed is at least 0 and the embedding at least 2 wide, got {self.seed} and "
                f"{self.embedding_dim}"
            )
        object.__setattr__(self, "schema", load_vocabulary(self.vocabulary))


class SyntheticWorld:
    """The people, cameras and the make-believe model that rows are drawn from.

    Labels co-occur as in PETA (:func:`~attrieve.data.synthetic.draw_values`); distinct label vectors are
    the categories. The model's attribute encoder is random, and the embedding of a category is the centre
    its rows lie around, so that a description finds the rows it describes.

    Attributes:
        settings: of the gallery.
        categories: label vectors.
        share: of the tracks, for each category; sums to 1.
    """

    settings: SyntheticSettings
    categories: Int8[np.ndarray, "category attribute"]
    share: Float64[np.ndarray, " category"]

    def __init__(self, settings: SyntheticSettings) -> None:
        self.settings = settings
        columns = load_vocabulary("peta105").positions_of(settings.schema.names)
        labels = _drawn_labels(settings.seed)[:, columns]
        self.categories, counts = np.unique(labels, axis=0, return_counts=True)
        self.share = counts / counts.sum()
        random = np.random.default_rng([settings.seed, 1])
        self._cumulative = np.cumsum(self.share)
        self._logit = _mean_logits(self.categories, self.share, random)
        busy = random.gamma(1.5, size=CAMERAS)
        self._camera_cumulative = np.cumsum(busy / busy.sum())
        self._camera_light = random.normal(115, 18, CAMERAS)
        self._camera_height_px = random.uniform(110, 260, CAMERAS)
        self._camera_names = [f"camera-{number:02d}" for number in range(CAMERAS)]

    @cached_property
    def query_side(self) -> QuerySide:
        """What embeds descriptions: an encoder nobody trained."""
        settings = self.settings
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(settings.seed)
            query_side = QuerySide(
                RetrieverSettings(embedding_dim=settings.embedding_dim), settings.schema
            ).eval()
            categories = torch.from_numpy(self.categories)
            share = torch.from_numpy(self.share)
            # a random encoder gives all descriptions much the same direction; a trained one does not
            encoder = query_side.encoder
            if encoder is None:
                raise AssertionError("a multi-task query side has an encoder")
            mean = (share[:, None].float() * encoder(categories.float())).sum(dim=0)
            encoder.layers[-1].bias -= mean
            query_side.remember_training(
                categories,
                (share * PERSONS).round().long(),
                (share[:, None] * categories).sum(dim=0).clamp(0.001, 0.999),
            )
        return query_side

    @cached_property
    def centres(self) -> Float32[np.ndarray, "category dim"]:
        """The embedding of each category's full description."""
        with torch.inference_mode():
            embedded = self.query_side.embed_queries(torch.from_numpy(self.categories).float())
        if embedded is None:
            raise AssertionError("a multi-task query side embeds")
        centres: Float32[np.ndarray, "category dim"] = embedded.numpy()
        return centres

    def draw(self, block: int) -> tuple[pa.Table, Vectors]:
        """Return the rows of a block, and their vectors."""
        random = np.random.default_rng([self.settings.seed, 2, block])
        lengths = random.geometric(1 / _MEAN_TRACK_ROWS, BLOCK_ROWS).clip(max=_LONGEST_TRACK_ROWS)
        tracks = int(np.searchsorted(np.cumsum(lengths), BLOCK_ROWS)) + 1
        lengths = lengths[:tracks]
        track = np.repeat(np.arange(tracks), lengths)[:BLOCK_ROWS]
        step = np.arange(BLOCK_ROWS) - (np.cumsum(lengths) - lengths)[track]
        category = np.searchsorted(self._cumulative, random.random(tracks), side="right")
        category = category.clip(max=len(self.categories) - 1)
        camera = np.searchsorted(self._camera_cumulative, random.random(tracks), side="right")
        camera = camera.clip(max=CAMERAS - 1)
        described = self._described(block, track, step, camera, random)
        return described, Vectors(
            self._embedding(track, category, random), self._probability(track, category, random)
        )

    def _embedding(
        self, track: Int64[np.ndarray, " row"], category: np.ndarray, random: np.random.Generator
    ) -> Float32[np.ndarray, "row dim"]:
        dim = self.settings.embedding_dim
        middle = random.standard_normal((len(category), dim), np.float32)
        middle *= np.float32(_TRACK_SPREAD / np.sqrt(dim))
        middle += self.centres[category]
        embedding = random.standard_normal((len(track), dim), np.float32)
        embedding *= np.float32(_ROW_SPREAD / np.sqrt(dim))
        embedding += middle[track]
        embedding /= np.sqrt(np.einsum("rd,rd->r", embedding, embedding))[:, None]
        return embedding

    def _probability(
        self, track: Int64[np.ndarray, " row"], category: np.ndarray, random: np.random.Generator
    ) -> Float32[np.ndarray, "row attribute"]:
        attributes = self._logit.shape[1]
        middle = random.standard_normal((len(category), attributes), np.float32)
        middle *= np.float32(_TRACK_DOUBT)
        middle += self._logit[category]
        logit = random.standard_normal((len(track), attributes), np.float32)
        logit *= np.float32(_ROW_DOUBT)
        logit += middle[track]
        np.negative(logit, out=logit)
        np.exp(logit, out=logit)
        logit += np.float32(1)
        return np.reciprocal(logit, out=logit)

    def _described(
        self,
        block: int,
        track: Int64[np.ndarray, " row"],
        step: Int64[np.ndarray, " row"],
        camera: Int64[np.ndarray, " track"],
        random: np.random.Generator,
    ) -> pa.Table:
        rows = len(track)
        first_frame = (_seconds(len(camera), random) * FRAMES_PER_S).astype(np.int64)
        frame = first_frame[track] + step * FRAMES_BETWEEN_ROWS
        moment = frame * (1_000_000 // FRAMES_PER_S) + _microseconds(FIRST_DAY)
        here = camera[track]
        height = (self._camera_height_px[camera] * random.lognormal(0, 0.2, len(camera)))[track]
        height = (height * random.normal(1, 0.03, rows)).clip(24, 900).round()
        width = (height * random.normal(0.42, 0.05, rows).clip(0.25, 0.7)).clip(8).round()
        sharp = random.lognormal(5.5, 0.8, len(camera))[track] * random.lognormal(0, 0.3, rows)
        names = [f"{self._camera_names[c]}/{block}-{number}" for number, c in enumerate(camera.tolist())]
        videos = [f"synthetic/seed-{self.settings.seed}/{name}.mp4" for name in self._camera_names]
        columns = {
            "key": key_column(block_keys(self.settings.seed, block)),
            "source": _texts(here, videos),
            "frame": pa.array(frame),
            "camera": _texts(here, self._camera_names),
            "time": pa.array(moment).cast(MOMENT),
            "track": _texts(track, names),
            "box_x": _walked(track, step, FRAME_WIDTH_PX - width, 20.0, random),
            "box_y": _walked(track, step, FRAME_HEIGHT_PX - height, 4.0, random),
            "box_width": pa.array(width.astype(np.float32)),
            "box_height": pa.array(height.astype(np.float32)),
            "width": pa.array(width.astype(np.int32)),
            "height": pa.array(height.astype(np.int32)),
            "blur": pa.array(sharp.astype(np.float32)),
            "brightness": pa.array(
                random.normal(self._camera_light[here], 12).clip(5, 250).astype(np.float32)
            ),
            "contrast": pa.array(random.normal(45, 12, rows).clip(2, 120).astype(np.float32)),
            "indexed_at": pa.array([FIRST_DAY + timedelta(days=DAYS)], MOMENT).take(pa.array([0] * rows)),
        }
        return pa.table(columns)


@lru_cache(maxsize=1)
def _drawn_labels(seed: int) -> Int8[np.ndarray, "person attribute"]:
    """Return the labels of all persons in all of PETA's attributes; they take a second to draw."""
    labels, _ = draw_values(DrawnPeopleConfig(PERSONS, seed, images_per_person=(1, 1)))
    return labels


def _mean_logits(
    categories: Int8[np.ndarray, "category attribute"],
    share: Float64[np.ndarray, " category"],
    random: np.random.Generator,
) -> Float32[np.ndarray, "category attribute"]:
    """Return what a classifier thinks of a category on average: some attributes it sees well, some hardly."""
    rate = (share @ categories).clip(0.01, 0.99)
    lean = 0.4 * np.log(rate / (1 - rate))
    sight = random.uniform(0.7, 2.5, len(rate))
    logits: Float32[np.ndarray, "category attribute"] = (lean + sight * (2.0 * categories - 1)).astype(
        np.float32
    )
    return logits


def _seconds(count: int, random: np.random.Generator) -> Float64[np.ndarray, " track"]:
    """Return when tracks begin, in seconds after the first day began; most in the two rush hours."""
    rush = random.random(count)
    hour = np.where(
        rush < 0.3,
        random.normal(8.5, 0.8, count),
        np.where(rush < 0.6, random.normal(17.5, 1.0, count), random.uniform(6, 23, count)),
    )
    day = np.floor(random.random(count) * DAYS)
    seconds: Float64[np.ndarray, " track"] = (day * 24 + hour.clip(0, 23.98)) * 3600
    return seconds


def _walked(
    track: Int64[np.ndarray, " row"],
    step: Int64[np.ndarray, " row"],
    room: Float64[np.ndarray, " row"],
    speed_px: float,
    random: np.random.Generator,
) -> pa.Array:
    """Return one coordinate of boxes: each track starts somewhere and walks on, within the frame."""
    tracks = int(track[-1]) + 1
    start, speed = random.random(tracks)[track], random.normal(0, speed_px, tracks)[track]
    return pa.array((start * room + step * speed).clip(0, room).round().astype(np.float32))


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _texts(place: Int64[np.ndarray, " row"], words: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(place.astype(np.int32)), pa.array(words, TEXT)).cast(TEXT)


def block_keys(seed: int, block: int) -> UInt64[np.ndarray, " row"]:
    """Return the keys of a block's rows as numbers; no two rows of one seed have the same.

    Row numbers go through the mixer of SplitMix64, which is a permutation of the 64-bit numbers.
    """
    with np.errstate(over="ignore"):
        start = np.random.SeedSequence([seed, 3]).generate_state(1, np.uint64)[0]
        mixed = start + np.arange(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS, dtype=np.uint64)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        keys: UInt64[np.ndarray, " row"] = mixed ^ (mixed >> np.uint64(31))
        return keys


def key_column(numbers: UInt64[np.ndarray, " row"]) -> pa.Array:
    """Return keys as a column of 16 hexadecimal digits each.

    >>> key_column(np.array([255], np.uint64)).to_pylist()
    ['00000000000000ff']
    """
    digits = _DIGITS[numbers.astype(">u8").view(np.uint8)].reshape(-1)
    ends = np.arange(len(numbers) + 1, dtype=np.int32) * 16
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(ends), pa.py_buffer(digits))
