"""Files as strangers send them."""

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image

from attrieve.serving.uploads.decoder import Decoded, Part, decode_parts
from attrieve.serving.uploads.decoding_process import Limits

LIMITS = Limits(
    file_bytes=200_000,
    unpacked_bytes=1_000_000,
    pixels=1_000_000,
    pictures=50,
    memory_bytes=1536 << 20,
    cpu_s=120,
)


def encoded(
    kind: str = "PNG", size: tuple[int, int] = (20, 40), colour: object = (200, 30, 60), **more: object
) -> bytes:
    """A picture with a pattern, so that damage shows."""
    picture = Image.new("RGB", size, colour)  # type: ignore[arg-type]
    for x in range(size[0]):
        picture.putpixel((x, x % size[1]), (x % 256, 255 - x % 256, 77))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **more)
    return buffer.getvalue()


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 80, 160)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=50)
    return buffer.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A small file whose header claims a large picture; its data would unpack to very much."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def archive(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as packed:
        for name, data in files.items():
            packed.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


def mutated(data: bytes, seed: int) -> bytes:
    """Some bytes changed, cut out, doubled or put in, as a fuzzer does."""
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        if not changed:
            break
        at = chance.randrange(len(changed))
        kind = chance.randrange(5)
        if kind == 0:
            changed[at] = chance.randrange(256)
        elif kind == 1:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del changed[at : at + chance.randrange(1, 30)]
        elif kind == 3:
            changed[at:at] = chance.randbytes(chance.randrange(1, 30))
        else:
            changed[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff"])
    return bytes(changed)


def decode(folder: Path, files: list[bytes], limits: Limits = LIMITS, seconds: float = 60.0) -> list[Decoded]:
    """Decode files as an upload does."""
    path, parts, at = folder / "received", [], 0
    for number, data in enumerate(files):
        parts.append(Part(f"file-{number}", at, len(data)))
        at += len(data)
    path.write_bytes(b"".join(files))
    return list(decode_parts(path, parts, limits, seconds=seconds))
