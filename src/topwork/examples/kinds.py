"""Tells what kind of file something is, from its suffix or its first bytes.

What it does not know: whether the rest of the file keeps what its beginning promises.
"""

from pathlib import PurePath

# HEIC is what telephones write. Pillow cannot read it: kept, so that a run names each and says so.
_IMAGE = """.jpg .jpeg .jpe .jfif .png .apng .gif .bmp .dib .tif .tiff .webp .avif .jp2 .j2k .jpx
.ppm .pgm .pbm .pnm .ico .tga .pcx .mpo .heic .heif"""
_SOUND = ".wav .flac .mp3 .ogg .oga .opus .m4a .aac .aiff .aif .wma"
_TEXT = ".txt .md .rst .html .htm .pdf .docx .eml .rtf"
IMAGE_SUFFIXES = frozenset(_IMAGE.split())
SOUND_SUFFIXES = frozenset(_SOUND.split())
TEXT_SUFFIXES = frozenset(_TEXT.split())
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")

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
_OTHER_MARKS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"ID3", "an MP3 sound"),
    (b"fLaC", "a FLAC sound"),
    (b"OggS", "an Ogg sound"),
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
    if prefix[:1] == b"P" and prefix[1:2] in b"123456" and prefix[2:3].isspace():
        return "PPM"
    return None


def describe(prefix: bytes) -> str:
    """Return, in words for a person, what a file with these first bytes looks like."""
    found = image_format(prefix)
    if found is not None:
        return f"a {found} image"
    for mark, name in _OTHER_MARKS:
        if prefix.startswith(mark):
            return name
    start = prefix.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, name in _MARKUP:
        if start.startswith(mark):
            return name
    if prefix[:4] == b"RIFF" and prefix[8:12] == b"WAVE":
        return "a WAV sound"
    if prefix[4:8] == b"ftyp":
        heif = prefix[8:12] in _HEIF_BRANDS
        return "a HEIC photo (convert it to JPEG)" if heif else "a video or sound (MP4)"
    if prefix[128:132] == b"DICM":
        return "a DICOM scan (convert it to PNG)"
    if not prefix.strip(b"\x00"):
        return "zero bytes only (a disk that was full?)"
    if all(byte >= 32 or byte in b"\t\r\n\f" for byte in prefix):
        return "plain text"
    return "unknown data: " + prefix[:8].hex(" ")


def suffix_of(name: str) -> str:
    """Return the suffix in lower case, with its dot; empty where there is none."""
    return PurePath(name).suffix.lower()
