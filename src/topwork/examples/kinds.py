"""Kinds of files."""

from pathlib import PurePath

from topwork.examples.example import Modality

# HEIC is what telephones write. Pillow reads it with pi-heif; without, a run names each.
_IMAGE = """.jpg .jpeg .jpe .jfif .png .apng .gif .bmp .dib .tif .tiff .webp .avif .jp2 .j2k .jpx
.ppm .pgm .pbm .pnm .ico .tga .pcx .mpo .heic .heif"""
_SOUND = """.wav .wave .flac .mp3 .ogg .oga .opus .m4a .m4b .aac .aiff .aif .aifc .wma .caf .au .snd
.w64 .rf64 .amr .mka .weba .ac3"""
_TEXT = ".txt .text .md .markdown .rst"
_DOCUMENT = ".pdf .doc .docx .odt .rtf .html .htm .xhtml .epub .eml .msg .ppt .pptx"
IMAGE_SUFFIXES = frozenset(_IMAGE.split())
SOUND_SUFFIXES = frozenset(_SOUND.split())
TEXT_SUFFIXES = frozenset(_TEXT.split())
ARRAY_SUFFIXES = frozenset({".npy"})
DOCUMENT_SUFFIXES = frozenset(_DOCUMENT.split())
"""Of texts with a layout, which are not read: what is a heading, and what is noise, is not ours
to guess."""
ZIPPED = ".gz"
_PLAIN_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
TEXT_TABLE_SUFFIXES = (*_PLAIN_TABLES, *(suffix + ZIPPED for suffix in _PLAIN_TABLES))
SHEET_SUFFIXES = (".xlsx", ".xlsm")
TABLE_SUFFIXES = (*TEXT_TABLE_SUFFIXES, *SHEET_SUFFIXES, ".parquet", ".arrow")
ARCHIVE_SUFFIX = ".npz"

_SUFFIXES: dict[str, Modality] = {
    **dict.fromkeys(IMAGE_SUFFIXES, "image"),
    **dict.fromkeys(SOUND_SUFFIXES, "sound"),
    **dict.fromkeys(TEXT_SUFFIXES, "text"),
    **dict.fromkeys(ARRAY_SUFFIXES, "array"),
}

PREFIX_BYTES = 160
"""How much of a file `sniff` looks at; DICOM carries its mark at byte 128."""

_IMAGE_MARKS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x0a\x05\x01", "PCX"),
)
_SOUND_MARKS = (
    (b"ID3", "an MP3 sound"),
    (b"fLaC", "a FLAC sound"),
    (b"OggS", "an Ogg sound"),
    (b"caff\x00", "a CAF sound"),
    (b".snd\x00", "an AU sound"),
    (b"RF64", "a WAV sound"),
    (b"riff\x2e\x91\xcf\x11", "a W64 sound"),
    (b"#!AMR", "an AMR sound"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a WMA sound"),
)
_OTHER_MARKS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"PAR1", "a Parquet table"),
    (b"version https://git-lfs", "a Git LFS pointer (run `git lfs pull`)"),
)
_MARKUP = (
    (b"<!doctype html", "an HTML page (a failed download?)"),
    (b"<html", "an HTML page (a failed download?)"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML document"),
)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
_M4A_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})


def image_format(prefix: bytes) -> str | None:
    """Return Pillow's name of the format that these first bytes promise, or None.

    At least 16 bytes are needed to be sure; formats without a mark (TGA) are never recognised.
    """
    for mark, name in _IMAGE_MARKS:
        if prefix.startswith(mark):
            return name
    if prefix[:4] == b"RIFF" and prefix[8:12] == b"WEBP":
        return "WEBP"
    if prefix[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIF_BRANDS:
        return "HEIF"
    if prefix[:1] == b"P" and prefix[1:2] in b"123456" and prefix[2:3].isspace():
        return "PPM"
    return None


def describe(prefix: bytes) -> str:
    """Return, in words for a person, what a file with these first bytes looks like."""
    found = image_format(prefix)
    if found is not None:
        return "a HEIC photo" if found == "HEIF" else f"a {found} image"
    sound = _sound(prefix)
    if sound is not None:
        return sound
    for mark, name in _OTHER_MARKS:
        if prefix.startswith(mark):
            return name
    start = prefix.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, name in _MARKUP:
        if start.startswith(mark):
            return name
    if prefix[4:8] == b"ftyp":
        return "a video or sound (MP4)"
    if prefix[128:132] == b"DICM":
        return "a DICOM scan (convert it to PNG)"
    if not prefix.strip(b"\x00"):
        return "zero bytes only (a disk that was full?)"
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in prefix):
        return "plain text"
    return "unknown data: " + prefix[:8].hex(" ")


def sniff(prefix: bytes) -> Modality | None:
    """Return the kind that these first bytes, `PREFIX_BYTES` of them, promise, or None.

    A text is what nothing speaks against, so it counts for less than the others.
    """
    if image_format(prefix) is not None:
        return "image"
    if _sound(prefix) is not None:
        return "sound"
    if prefix.startswith(b"\x93NUMPY"):
        return "array"
    return "text" if prefix and describe(prefix) == "plain text" else None


def modality_of(name: str) -> Modality | None:
    """Return the kind that a file's suffix promises, or None."""
    return _SUFFIXES.get(suffix_of(name))


def suffix_of(name: str) -> str:
    """Return the suffix in lower case, with its dot; empty where there is none.

    Of a gzipped table, it is both: `.csv.gz`.
    """
    path = PurePath(name)
    suffix = path.suffix.lower()
    if suffix == ZIPPED:
        whole = PurePath(path.stem).suffix.lower() + suffix
        return whole if whole in TEXT_TABLE_SUFFIXES else suffix
    return suffix


def with_article(modality: Modality) -> str:
    """`an image`, `a sound`, `a text`, `an array`."""
    return f"{'an' if modality in ('image', 'array') else 'a'} {modality}"


def counted(count: int, modality: Modality) -> str:
    """`1 image`, `20 sounds`."""
    return f"{count:,} {modality}" if count == 1 else f"{count:,} {modality}s"


def _sound(prefix: bytes) -> str | None:
    for mark, name in _SOUND_MARKS:
        if prefix.startswith(mark):
            return name
    if prefix[:4] == b"RIFF" and prefix[8:12] == b"WAVE":
        return "a WAV sound"
    if prefix[:4] == b"FORM" and prefix[8:12] in (b"AIFF", b"AIFC"):
        return "an AIFF sound"
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _M4A_BRANDS:
        return "an M4A sound"
    if len(prefix) > 3 and prefix[0] == 0xFF:
        # The first frame's header: 11 bits set, then version and layer, then rates that exist.
        if prefix[1] & 0xF6 == 0xF0:
            return "an AAC sound"
        layer_3 = prefix[1] & 0xE6 == 0xE2 and prefix[1] & 0x18 != 0x08
        if layer_3 and prefix[2] & 0xF0 not in (0x00, 0xF0) and prefix[2] & 0x0C != 0x0C:
            return "an MP3 sound"
    return None
