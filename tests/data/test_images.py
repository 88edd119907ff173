"""Decoding, resizing, loading and caching of images."""

import io
import resource
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from attrieve.data.images import cached_images, decode_image, load_images, resize_image
from attrieve.errors import ImageError, StorageError
from attrieve.schema import ImageSource
from reference.triangle_resize import resize as reference_resize

LOSSLESS = ["PNG", "BMP", "TIFF", "PPM", "WEBP"]
ALL_FORMATS = [*LOSSLESS, "JPEG", "GIF"]


def random_pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    if file_format == "WEBP":
        options = {"lossless": True, **options}
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def write_images(folder: Path, count: int) -> list[ImageSource]:
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for number in range(count):
        path = folder / f"{number:03d}.png"
        path.write_bytes(encode(Image.fromarray(random_pixels(9, 6, number))))
        sources.append(ImageSource(path))
    return sources


class TestDecoding:
    @pytest.mark.parametrize("file_format", LOSSLESS)
    def test_lossless_formats_give_back_the_pixels(self, file_format, tmp_path):
        """From bytes, a path, a source and a zip member alike: height first, channels in RGB order."""
        pixels = random_pixels(5, 3)
        content = encode(Image.fromarray(pixels), file_format)
        path = tmp_path / "image.bin"
        path.write_bytes(content)
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("in/side.bin", content)
        for source in (content, path, ImageSource(path), ImageSource(tmp_path / "a.zip", "in/side.bin")):
            assert np.array_equal(decode_image(source), pixels)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation_is_applied(self, orientation):
        """Each of the eight ways a camera may have been held, undone by its definition."""
        upright = random_pixels(4, 7)
        stored = {
            1: upright,
            2: upright[:, ::-1],
            3: upright[::-1, ::-1],
            4: upright[::-1],
            5: upright.transpose(1, 0, 2),
            6: np.rot90(upright, 1),
            7: np.rot90(upright, 2).transpose(1, 0, 2),
            8: np.rot90(upright, -1),
        }[orientation]
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = encode(Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
        assert np.array_equal(decode_image(content), upright)

    @given(hnp.arrays(np.uint8, (3, 4, 4)))
    def test_transparent_parts_lie_over_white(self, pixels):
        """alpha * colour + (1 - alpha) * 255, to within rounding."""
        alpha = pixels[:, :, 3:] / 255.0
        expected = alpha * pixels[:, :, :3] + (1 - alpha) * 255.0
        decoded = decode_image(encode(Image.fromarray(pixels, "RGBA")))
        assert np.abs(decoded - expected).max() <= 1.0

    def test_palettes_grey_and_bilevel_become_rgb(self):
        """Whatever the mode, three channels with the colours one sees."""
        grey = random_pixels(4, 5)[:, :, 0]
        triple = np.repeat(grey[:, :, None], 3, axis=2)
        assert np.array_equal(decode_image(encode(Image.fromarray(grey))), triple)
        bilevel = Image.fromarray(grey > 100)
        assert np.array_equal(decode_image(encode(bilevel)), np.repeat((grey > 100)[:, :, None], 3, 2) * 255)
        palette = Image.new("P", (2, 1))
        palette.putpalette([10, 20, 30, 40, 50, 60])
        palette.putpixel((1, 0), 1)
        assert decode_image(encode(palette)).tolist() == [[[10, 20, 30], [40, 50, 60]]]
        assert decode_image(encode(palette, transparency=0)).tolist() == [[[255, 255, 255], [40, 50, 60]]]

    def test_deep_grey_keeps_its_high_byte(self):
        """16-bit thermal or depth images are scaled, not clipped."""
        deep = np.array([[0, 255, 256, 65535, 4660]], dtype=np.uint16)
        assert decode_image(encode(Image.fromarray(deep)))[0, :, 0].tolist() == [0, 0, 1, 255, 18]

    def test_of_an_animation_the_first_frame_is_taken(self):
        """Not the last one."""
        frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
        content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert decode_image(content)[0, 0].tolist() == [255, 0, 0]

    @pytest.mark.parametrize("file_format", ALL_FORMATS)
    def test_truncated_files_are_refused(self, file_format, tmp_path):
        """Half a file is not half a person."""
        content = encode(Image.fromarray(random_pixels(40, 30)), file_format)
        path = tmp_path / "cut.img"
        for length in (1, 8, len(content) // 2):
            path.write_bytes(content[:length])
            with pytest.raises(ImageError, match=r"cut\.img"):
                decode_image(path)

    @pytest.mark.parametrize(
        "content", [b"", b"not an image", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\0" * 1000]
    )
    def test_what_is_no_image_is_refused(self, content, tmp_path):
        """Empty, text, and PostScript, which would start another program."""
        with pytest.raises(ImageError, match=f"{len(content)} bytes in memory"):
            decode_image(content)
        path = tmp_path / "strange.png"
        path.write_bytes(content)
        with pytest.raises(ImageError, match=r"strange\.png"):
            decode_image(path)

    @pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
    def test_bombs_are_refused_before_decoding(self, side):
        """A header of billions of pixels with no data behind it; below and above Pillow's own limits."""
        with pytest.raises(ImageError, match="pixels"):
            decode_image(png_header(side, side))

    def test_the_pixel_limit_is_inclusive(self):
        """Exactly at the limit is fine."""
        content = encode(Image.new("RGB", (5, 4)))
        assert decode_image(content, pixel_limit=20).shape == (4, 5, 3)
        with pytest.raises(ImageError, match="5 x 4 = 20 pixels; at most 19"):
            decode_image(content, pixel_limit=19)

    @pytest.mark.parametrize(("width", "height"), [(0, 3), (3, 0), (0, 0)])
    def test_zero_size_is_refused(self, width, height):
        """Headers may claim nothing at all."""
        with pytest.raises(ImageError):
            decode_image(png_header(width, height))

    def test_floating_point_pixels_are_refused(self):
        """Their range is anyone's guess."""
        with pytest.raises(ImageError, match="floating-point"):
            decode_image(encode(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))

    def test_missing_and_odd_paths_are_refused(self, tmp_path):
        """A folder is no image; neither is nothing."""
        for path in (tmp_path, tmp_path / "none.png"):
            with pytest.raises(ImageError, match=path.name):
                decode_image(path)

    def test_broken_archives_are_refused(self, tmp_path):
        """Missing archive, missing member, damaged member."""
        good = tmp_path / "good.zip"
        with zipfile.ZipFile(good, "w") as archive:
            archive.writestr("a.png", encode(Image.fromarray(random_pixels(9, 9))))
        damaged = tmp_path / "damaged.zip"
        content = bytearray(good.read_bytes())
        content[60] ^= 0xFF
        damaged.write_bytes(content)
        (tmp_path / "text.zip").write_text("no archive")
        cases = [
            ("none.zip", "a.png"),
            ("good.zip", "b.png"),
            ("damaged.zip", "a.png"),
            ("text.zip", "a.png"),
        ]
        for name, member in cases:
            with pytest.raises(ImageError, match=f"{name}!{member}"):
                decode_image(ImageSource(tmp_path / name, member))

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(ALL_FORMATS), st.data())
    def test_damage_gives_an_image_or_an_image_error(self, file_format, data):
        """Nothing else ever comes out of a damaged file."""
        content = bytearray(encode(Image.fromarray(random_pixels(12, 9)), file_format))
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        try:
            decoded = decode_image(bytes(content), pixel_limit=1_000_000)
        except ImageError:
            return
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3
        assert decoded.shape[2] == 3


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


class TestResizing:
    @settings(max_examples=40, deadline=None)
    @given(*(st.integers(1, 24) for _ in range(4)), st.integers(0, 99))
    def test_equals_the_triangle_filter_by_its_definition(self, height, width, new_height, new_width, seed):
        """Shrinking and growing; within the rounding of two passes."""
        pixels = random_pixels(height, width, seed)
        resized = resize_image(pixels, new_height, new_width)
        assert resized.shape == (new_height, new_width, 3)
        assert np.abs(resized - reference_resize(pixels, new_height, new_width)).max() <= 1.5

    @given(st.integers(0, 255), st.integers(1, 300), st.integers(1, 300))
    def test_one_colour_stays_one_colour(self, value, height, width):
        """No edge is darkened."""
        image = np.full((97, 251, 3), value, dtype=np.uint8)
        assert set(np.unique(resize_image(image, height, width))) == {value}

    def test_own_size_changes_nothing_and_the_argument_stays(self):
        """Even for arrays that are views."""
        image = random_pixels(6, 8)[::2, ::-1]
        before = image.copy()
        assert np.array_equal(resize_image(image, 3, 8), before)
        assert np.array_equal(image, before)

    @pytest.mark.parametrize(("height", "width"), [(0, 4), (4, 0), (-1, 4)])
    def test_empty_sizes_are_refused(self, height, width):
        """Both for the wanted size and for the image."""
        with pytest.raises(ImageError, match=f"{height} x {width}"):
            resize_image(random_pixels(2, 2), height, width)
        with pytest.raises(ImageError, match="no pixels"):
            resize_image(np.zeros((0, 3, 3), np.uint8), 2, 2)


class TestLoading:
    @pytest.mark.parametrize("workers", [1, 3])
    def test_rows_are_the_sources_in_order(self, workers, tmp_path):
        """Equal to one image at a time, from files and archives mixed."""
        sources = write_images(tmp_path, 70)
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for source in sources[:40]:
                archive.write(source.path, source.path.name)
        mixed = [ImageSource(tmp_path / "a.zip", s.path.name) for s in sources[:40]] + sources[40:]
        images, failures = load_images(mixed[::-1], 5, 4, workers=workers)
        assert failures == []
        assert images.dtype == np.uint8
        expected = [resize_image(decode_image(source), 5, 4) for source in sources[::-1]]
        assert np.array_equal(images, np.stack(expected))

    def test_nothing_to_load_is_fine(self):
        """An empty list gives an empty array of the right shape."""
        images, failures = load_images([], 5, 4)
        assert (images.shape, failures) == ((0, 5, 4, 3), [])

    def test_failures_are_collected_by_index_and_stay_black(self, tmp_path):
        """The others are loaded all the same."""
        sources = write_images(tmp_path, 50)
        for bad in (3, 41):
            sources[bad].path.write_bytes(b"broken")
        images, failures = load_images(sources, 5, 4, on_error="collect")
        assert [index for index, _ in failures] == [3, 41]
        assert all(str(sources[index].path) in message for index, message in failures)
        assert [row for row in range(50) if not images[row].any()] == [3, 41]

    def test_the_first_failure_in_order_is_raised(self, tmp_path):
        """Whichever thread is faster."""
        sources = write_images(tmp_path, 80)
        for bad in (5, 70):
            sources[bad].path.write_bytes(b"broken")
        with pytest.raises(ImageError, match=r"005\.png"):
            load_images(sources, 5, 4, workers=4)

    def test_progress_counts_up_to_the_number_of_sources(self, tmp_path):
        """Strictly rising, ending at the total."""
        seen: list[int] = []
        load_images(write_images(tmp_path, 70), 2, 2, progress=seen.append)
        assert seen == sorted(set(seen))
        assert seen[-1] == 70


class TestCaching:
    def test_second_call_reads_the_same_file(self, tmp_path):
        """Equal to loading, memory-mapped, read-only, and not written twice."""
        sources = write_images(tmp_path / "in", 40)
        first, _ = cached_images(sources, 5, 4, tmp_path / "cache")
        before = {path: path.stat().st_ino for path in (tmp_path / "cache").iterdir()}
        second, failures = cached_images(sources, 5, 4, tmp_path / "cache")
        assert {path: path.stat().st_ino for path in (tmp_path / "cache").iterdir()} == before
        assert len(before) == 2
        assert isinstance(second, np.memmap)
        assert not second.flags.writeable
        assert failures == []
        loaded, _ = load_images(sources, 5, 4)
        assert np.array_equal(first, loaded)
        assert np.array_equal(second, loaded)

    def test_progress_is_told_in_both_cases(self, tmp_path):
        """A bar ends at its end."""
        sources = write_images(tmp_path / "in", 40)
        for _ in range(2):
            seen: list[int] = []
            cached_images(sources, 5, 4, tmp_path / "cache", progress=seen.append)
            assert seen[-1] == 40

    def test_changed_images_sizes_and_orders_are_not_mixed_up(self, tmp_path):
        """Each has a cache of its own."""
        sources = write_images(tmp_path / "in", 3)
        first, _ = cached_images(sources, 5, 4, tmp_path / "cache")
        turned, _ = cached_images(sources[::-1], 5, 4, tmp_path / "cache")
        assert np.array_equal(turned, first[::-1])
        assert cached_images(sources, 4, 5, tmp_path / "cache")[0].shape == (3, 4, 5, 3)
        sources[0].path.write_bytes(encode(Image.new("RGB", (9, 6), "red")))
        assert cached_images(sources, 5, 4, tmp_path / "cache")[0][0, 0, 0].tolist() == [255, 0, 0]

    def test_a_changed_archive_is_noticed(self, tmp_path):
        """By the checksums inside it."""
        source = ImageSource(tmp_path / "a.zip", "a.png")
        for colour, expected in (("red", [255, 0, 0]), ("blue", [0, 0, 255])):
            with zipfile.ZipFile(source.path, "w") as archive:
                archive.writestr("a.png", encode(Image.new("RGB", (9, 6), colour)))
            assert cached_images([source], 2, 2, tmp_path / "cache")[0][0, 0, 0].tolist() == expected

    @pytest.mark.parametrize("damage", ["cut", "holes", "shape", "note", "no note", "empty"])
    def test_a_damaged_cache_is_built_anew(self, damage, tmp_path):
        """Whatever happened to the files."""
        sources = write_images(tmp_path / "in", 40)
        expected = np.array(cached_images(sources, 5, 4, tmp_path / "cache")[0])
        (array,) = (tmp_path / "cache").glob("*.npy")
        (note,) = (tmp_path / "cache").glob("*.json")
        content = array.read_bytes()
        if damage == "cut":
            array.write_bytes(content[:-100])
        elif damage == "holes":
            array.write_bytes(content[:500] + b"\0" * (len(content) - 500))
        elif damage == "shape":
            np.save(array, expected[:, :4])
        elif damage == "note":
            note.write_text('{"failures": 3}')
        elif damage == "no note":
            note.unlink()
        else:
            array.write_bytes(b"")
        assert np.array_equal(cached_images(sources, 5, 4, tmp_path / "cache")[0], expected)

    def test_collected_failures_are_remembered_and_still_raised_on_request(self, tmp_path):
        """A cache with gaps does not hide them."""
        sources = write_images(tmp_path / "in", 40)
        sources[7].path.write_bytes(b"broken")
        for _ in range(2):
            _, failures = cached_images(sources, 5, 4, tmp_path / "cache", on_error="collect")
            assert [index for index, _ in failures] == [7]
        with pytest.raises(ImageError, match=r"007\.png"):
            cached_images(sources, 5, 4, tmp_path / "cache", on_error="raise")

    def test_a_failing_image_leaves_nothing_behind(self, tmp_path):
        """No half-written cache."""
        sources = write_images(tmp_path / "in", 40)
        sources[7].path.unlink()
        with pytest.raises(ImageError, match=r"007\.png"):
            cached_images(sources, 5, 4, tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []

    def test_a_disk_that_fills_up_is_a_storage_error(self, tmp_path):
        """The write itself is refused by the system; the temporary file goes."""
        sources = write_images(tmp_path / "in", 40)
        with file_size_limit(1000), pytest.raises(StorageError, match="make room"):
            cached_images(sources, 5, 4, tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []

    def test_too_little_space_is_told_before_work_begins(self, tmp_path, monkeypatch):
        """With what is needed and what is there."""
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10_000_000})())
        seen: list[int] = []
        sources = write_images(tmp_path / "in", 2)
        with pytest.raises(StorageError, match=r"24\.00 GB.*0\.01 GB are free"):
            cached_images(sources * 1000, 2000, 2000, tmp_path / "cache", progress=seen.append)
        assert seen == []

    def test_a_folder_that_cannot_be_made_is_a_storage_error(self, tmp_path):
        """A file lies in its place."""
        sources = write_images(tmp_path / "in", 2)
        (tmp_path / "cache").write_text("in the way")
        with pytest.raises(StorageError, match="cache"):
            cached_images(sources, 5, 4, tmp_path / "cache")

    def test_no_images_need_no_cache(self, tmp_path):
        """Nothing is written."""
        images, failures = cached_images([], 5, 4, tmp_path / "cache")
        assert (images.shape, failures) == ((0, 5, 4, 3), [])
        assert not (tmp_path / "cache").exists()


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Let the system refuse to write more than ``limit`` bytes into any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_bytes_of_something_else_are_said_to_be_no_image() -> None:
    """Every format is tried, and none fails in a way of its own."""
    with pytest.raises(ImageError, match="not an image in one of the formats"):
        decode_image(b"just words, and no picture at all")


def test_a_picture_of_several_frames_from_a_camera_is_read(tmp_path: Path) -> None:
    """Multi-picture files, which some cameras and telephones write, begin with a JPEG picture."""
    frames = [Image.new("RGB", (16, 24), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "two.mpo", save_all=True, append_images=frames[1:])
    image = decode_image(tmp_path / "two.mpo")
    assert image.shape == (24, 16, 3)
    assert image[0, 0, 0] > 200 > 60 > image[0, 0, 2]
