"""Folders of sounds, texts and arrays; what is a stray, and what is a mixture."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.errors import ExampleError, ModalityError, SourceError, TooLargeError
from topwork.examples import contents
from topwork.examples.contents import array_digest, text_digest
from topwork.examples.example import MODALITIES
from topwork.examples.kinds import SOUND_SUFFIXES, counted, modality_of, sniff, with_article
from topwork.examples.modality import refuse_mixture
from topwork.examples.sounds.sound import SoundFile
from topwork.examples.sources import read_examples

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


def npy(number):
    buffer = io.BytesIO()
    np.save(buffer, np.full((2, 3), number, np.float32))
    return buffer.getvalue()


def beginning(suffix, number):
    """What no two files share, and begins as a file of the kind does."""
    mark = str(number).encode()
    begins = {".png": b"\x89PNG\r\n\x1a\n" + mark, ".wav": WAV + mark, ".npy": npy(number)}
    return begins.get(suffix, b"text " + mark)


def put(root, *paths, **files):
    """Write files of some content; bytes that are given are written as they are."""
    given = {**dict.fromkeys(paths), **files}
    for number, (name, data) in enumerate(given.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(beginning(path.suffix, number) if data is None else data)
    return root


def many(folder, suffix, count):
    return [f"{folder}/{suffix[1:]}{i}{suffix}" for i in range(count)]


def names(found):
    return [example.name for example in found.examples]


class TestOneKind:
    @pytest.mark.parametrize("suffix", sorted(SOUND_SUFFIXES))
    def test_sounds_are_not_read(self, tmp_path, suffix):
        put(tmp_path, **{f"yes/1{suffix.upper()}": b"x", f"no/2{suffix}": b"y"})
        found = read_examples(tmp_path)
        assert found.modality == "sound"
        assert [e.label for e in found.examples] == ["no", "yes"]
        assert found.examples[0].read() == SoundFile(source=tmp_path / f"no/2{suffix}")

    def test_texts(self, tmp_path):
        odd = "\U0001f600 \u4f60\u597d \u0645\u0631\u062d\u0628\u0627"
        put(
            tmp_path,
            **{
                "train/good/1.txt": odd.encode(),
                "train/good/2.md": b"\xef\xbb\xbfwith a mark",
                "train/bad/3.txt": "caf\u00e9 \u20ac".encode("cp1252"),
                "train/bad/4.txt": (odd + "!").encode("utf-16"),
                "train/good/5.txt": "same".encode("utf-32"),
                "train/bad/6.txt": b"same",
                "train/bad/empty.txt": b"",
                "train/bad/blank.txt": b" \n\xe3\x80\x80\t",
                "train/bad/binary.txt": b"a\x00\x01\x02",
                "train/bad/lost.txt": b"\x81\xfe",
                "test/bad/5.rst": b"again",
            },
        )
        found = read_examples(tmp_path)
        assert found.modality == "text"
        texts = {e.name: e.read() for e in found.examples}
        assert texts == {
            "train/good/1.txt": odd,
            "train/good/2.md": "with a mark",
            "train/bad/3.txt": "caf\u00e9 \u20ac",
            "train/bad/4.txt": odd + "!",
            "test/bad/5.rst": "again",
        }
        assert found.examples[3].digest == text_digest(odd)
        reasons = {s.name: s.reason for s in found.skipped}
        assert reasons["train/bad/empty.txt"] == "the text is empty"
        assert reasons["train/bad/blank.txt"] == "the text is empty"
        assert (
            "not plain text: it looks like unknown data: 61 00" in reasons["train/bad/binary.txt"]
        )
        assert "neither UTF-8 nor" in reasons["train/bad/lost.txt"]
        # The same text, however encoded, is the same content: here, under two labels.
        assert "labelled 'bad', but train/good/5.txt" in reasons["train/bad/6.txt"]

    def test_arrays(self, tmp_path):
        put(tmp_path, "a/1.npy", "b/2.npy", **{"b/bad.npy": b"\x93NUMPY\x01\x00"})
        np.save(tmp_path / "b/objects.npy", np.array([{}], object), allow_pickle=True)
        np.save(tmp_path / "b/words.npy", np.array(["x"]))
        np.save(tmp_path / "b/none.npy", np.zeros((0, 3)))
        np.save(tmp_path / "b/columns.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
        found = read_examples(tmp_path)
        assert found.modality == "array"
        assert names(found) == ["a/1.npy", "b/2.npy", "b/columns.npy"]
        assert (found.examples[1].read() == 1).all()
        assert found.examples[2].digest == array_digest(np.arange(6.0).reshape(2, 3))
        reasons = {s.name: s.reason for s in found.skipped}
        assert "a pickle" in reasons["b/objects.npy"]
        assert "array of <U1; numbers" in reasons["b/words.npy"]
        assert "damaged or ends early" in reasons["b/bad.npy"]
        assert "empty" in reasons["b/none.npy"] or "early" in reasons["b/none.npy"]

    def test_files_that_cannot_be_read(self, tmp_path, monkeypatch):
        put(tmp_path, "a/1.txt", "b/2.npy")
        monkeypatch.setattr(contents, "MAX_TEXT_BYTES", 3)
        with pytest.raises(TooLargeError, match=r"6 bytes; .*at most 3 .*Cut"):
            contents.read_text(tmp_path / "a/1.txt")
        for read in (contents.read_text, contents.read_array_file):
            with pytest.raises(ExampleError, match="cannot be read: No such file"):
                read(tmp_path / "none")
        with pytest.raises(ExampleError, match=r"cannot be read: .*null"):
            contents.read_text(tmp_path / "a\0")

    def test_arrays_may_be_images(self, tmp_path):
        put(tmp_path, "a/1.npy", "b/2.npy")
        found = read_examples(tmp_path, modality="image")
        assert found.modality == "image"
        assert isinstance(found.examples[0].read(), np.ndarray)
        assert read_examples(tmp_path, modality="sound").modality == "array"

    def test_files_without_a_suffix(self, tmp_path):
        put(tmp_path, **{"a/1": WAV + b"1", "a/2": b"fLaC1", "b/3": b"OggS1", "b/4": b"ID3x"})
        put(tmp_path, **{"b/5": b"\xff\xfb\x90\x64x", "b/README": b"hello"})
        found = read_examples(tmp_path)
        assert (found.modality, len(found)) == ("sound", 5)
        assert found.ignored == {"not a sound (no suffix)": 1}
        groups = put(tmp_path / "news", **{"a/1": b"one", "a/2": b"two", "b/README.md": b"three"})
        assert (read_examples(groups).modality, len(read_examples(groups))) == ("text", 3)

    def test_documents(self, tmp_path):
        put(tmp_path, "a/1.pdf", "a/2.docx", "b/3.pdf")
        with pytest.raises(ModalityError, match=r"\(2 \.pdf, 1 \.docx\).*save it as"):
            read_examples(tmp_path)
        put(tmp_path, "a/1.txt", "b/2.txt")
        found = read_examples(tmp_path)
        assert names(found) == ["a/1.txt", "b/2.txt"]
        assert ".pdf documents are not read. Only plain text" in found.skipped[0].reason
        assert len(found.skipped) == 3
        photos = put(tmp_path / "photos", "a/1.png", "a/invoice.pdf")
        assert read_examples(photos).ignored == {"not an image (.pdf)": 1}

    def test_nothing_usable(self, tmp_path):
        put(tmp_path, "a/1.json", "1.wav", "2.wav")
        with pytest.raises(SourceError, match=r"2 sounds directly.*Move the sounds into"):
            read_examples(tmp_path)
        with pytest.raises(SourceError, match=r"1\.wav' is a sound, .*not a table"):
            read_examples(tmp_path / "1.wav")
        put(tmp_path, "x.npz", "a.npy", "b.pdf", "c.ods")
        with pytest.raises(SourceError, match=r"2 sounds and a table. Give .*x\.npz"):
            read_examples(tmp_path)
        with pytest.raises(SourceError, match=r"one array, with no labels.*np\.savez"):
            read_examples(tmp_path / "a.npy")
        with pytest.raises(ModalityError, match=r"b\.pdf' is a document.*plain text"):
            read_examples(tmp_path / "b.pdf")
        with pytest.raises(SourceError, match=r"spreadsheet.*save it as \.xlsx or 'CSV"):
            read_examples(tmp_path / "c.ods")
        with pytest.raises(SourceError, match="no folder or file"):
            read_examples("a\0b")
        other = put(tmp_path / "other", "a/1.json")
        with pytest.raises(SourceError, match=r"1 not an input \(\.json\)"):
            read_examples(other)


class TestStrays:
    @pytest.mark.parametrize(
        ("main", "stray", "suffix"),
        [
            # captions and features beside what they are of
            (many("a", ".png", 9), ["a/png0.txt", "a/png1.txt", "a/png2.txt"], ".txt"),
            (many("a", ".wav", 9), [f"a/wav{i}.npy" for i in range(9)], ".npy"),
            (many("a", ".png", 3), ["a/png0.png.txt", "a/png1.png.txt", "a/b.txt"], ".txt"),
            # a README and a list, in each folder
            (["a/1.png", "b/2.png"], ["a/README.txt", "b/notes.txt"], ".txt"),
            (["a/1.wav", "a/2.wav"], ["a/README.md", "a/labels.md"], ".md"),
            # fewer than one in twenty
            (many("a", ".png", 41), ["docs/1.md", "docs/2.md"], ".md"),
            (many("a", ".wav", 21), ["a/cover.jpg"], ".jpg"),
            (many("a", ".txt", 21), ["a/figure.png"], ".png"),
            (many("a", ".npy", 21), ["a/plot.png"], ".png"),
        ],
    )
    def test_are_counted(self, tmp_path, main, stray, suffix):
        put(tmp_path, *main, *stray)
        found = read_examples(tmp_path)
        assert set(names(found)) == set(main)
        assert found.ignored == {f"not {with_article(found.modality)} ({suffix})": len(stray)}

    @pytest.mark.parametrize(
        ("files", "counts"),
        [
            (["a/1.png", "b/2.wav"], r"1 image \(.*'a/1\.png'\).*1 sound \(.*'b/2\.wav'\)"),
            (["a/1.txt", "b/2.png"], "1 image .* and 1 text"),
            (["a/1.png", *many("b", ".txt", 3)], "1 image .* and 3 texts"),
            ([*many("a", ".png", 20), "a/1.wav"], "20 images .* and 1 sound"),
            ([*many("a", ".png", 99), "b/1.wav"], "99 images .* and 1 sound"),
            ([*many("a", ".npy", 9), *many("b", ".wav", 9)], "9 sounds .* and 9 arrays"),
            ([*many("a", ".npy", 9), *many("a", ".txt", 12)], "12 texts .* and 9 arrays"),
            (["a/1.png", "a/1.wav", "b/2.png", "b/2.wav"], "2 images .* and 2 sounds"),
        ],
    )
    def test_mixtures_are_refused(self, tmp_path, files, counts):
        put(tmp_path, *files)
        with pytest.raises(ModalityError, match=f"mixes .*{counts}.*Put each kind"):
            read_examples(tmp_path)

    @given(st.dictionaries(st.sampled_from(MODALITIES), st.integers(0, 200)))
    def test_the_share(self, counts):
        first = dict.fromkeys(counts, "x")
        ordered = sorted(counts.values(), reverse=True)
        mixed = any(count > 0 and count >= 0.05 * ordered[0] for count in ordered[1:])
        try:
            refuse_mixture(counts, "It", first=first)
        except ModalityError:
            assert mixed
        else:
            assert not mixed


class TestKinds:
    def test_words(self):
        assert counted(1, "image") == "1 image"
        assert counted(2000, "array") == "2,000 arrays"

    @pytest.mark.parametrize(
        ("prefix", "kind"),
        [
            (b"FORM\x00\x00\x00\x00AIFF", "sound"),
            (b"\x00\x00\x00\x1cftypM4A ", "sound"),
            (b"\x00\x00\x00\x1cftypisom", None),
            (b"\xff\xf1\x50\x80", "sound"),
            (b"\xff\xfe\x41\x00\x42\x00", None),  # UTF-16
            (b"\xff\xd8\xff\xe0", "image"),
            (b"RIFF\x00\x00\x00\x00WEBP", "image"),
            (b"\x93NUMPY\x01\x00", "array"),
            (b"", None),
            (b"plain", "text"),
            (b"%PDF-1.4", None),
        ],
    )
    def test_first_bytes(self, prefix, kind):
        assert sniff(prefix) == kind

    @given(st.binary(max_size=200))
    def test_any_bytes(self, prefix):
        assert sniff(prefix) in (*MODALITIES, None)

    @given(st.text())
    def test_any_name(self, name):
        assert modality_of(name) in (*MODALITIES, None)
