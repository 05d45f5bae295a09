"""Texts as windows of tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from topwork.core.digests import digest_file
from topwork.core.shapes import Indices, Int
from topwork.errors import ExampleError, SettingError, WeightsError
from topwork.examples.texts.preprocessing import TextInput

_SPACES = ("Ġ", "▁")  # of byte-level tokenizers (GPT-2, RoBERTa) and of SentencePiece


@dataclass(frozen=True, kw_only=True, eq=False)
class _Loaded:
    """A tokenizer that neither pads nor truncates, and the special tokens it puts around a text.

    Attributes:
        unknown: the token that stands for what it does not know; None where it knows every byte.
    """

    tokenizer: Tokenizer
    before: Indices
    after: Indices
    unknown: int | None


def text_windows(content: object, preprocessing: TextInput) -> list[Int[np.ndarray, " _"]]:
    """Return the windows of a text, int64 [L] each, special tokens included.

    However long the text is, all of it comes back, in order: windows of `max_tokens`, the last one
    shorter, each with the special tokens that a text of its own would have.

    Raises:
        ExampleError: it is not a str, or there is nothing in it.
        SettingError: `max_tokens` leaves no room beside the special tokens.
        WeightsError: the tokenizer is missing, damaged, or not the one expected.
    """
    if not isinstance(content, str):
        raise ExampleError(f"it is a {type(content).__name__}; accepted is a str")
    if not content or content.isspace():
        raise ExampleError("the text is empty")
    loaded = _load(preprocessing.tokenizer, preprocessing.tokenizer_digest)
    tokens = _encode(loaded.tokenizer, preprocessing.prompt + content).ids
    num_special = len(loaded.before) + len(loaded.after)
    if not tokens and not num_special:
        raise ExampleError("the tokenizer finds no token in it: are there control characters only?")
    room = preprocessing.max_tokens - num_special
    if room < 1:
        raise SettingError(
            f"The text input's max_tokens is {preprocessing.max_tokens}, and its tokenizer adds "
            f"{num_special} to each window. Take the value that the backbone was published with."
        )
    starts = range(0, max(len(tokens), 1), room)
    if len(starts) == 1:
        return [_window(loaded, np.array(tokens, np.int64))]
    whole = np.array(tokens, np.int64)
    return [_window(loaded, whole[i : i + room]) for i in starts]


def own_tokens(window: Int[np.ndarray, " length"], preprocessing: TextInput) -> slice:
    """Where in a window of `text_windows` the text's own tokens stand: not special, not prompt."""
    loaded = _load(preprocessing.tokenizer, preprocessing.tokenizer_digest)
    start, stop = len(loaded.before), len(window) - len(loaded.after)
    prompt = _encode(loaded.tokenizer, preprocessing.prompt).ids if preprocessing.prompt else []
    # Only the first of several windows has it, and its last token may have grown into the text's.
    for given, found in zip(prompt, window[start:stop].tolist(), strict=False):
        if given != found:
            break
        start += 1
    return slice(start, stop)


def unknown_letters(text: str, preprocessing: TextInput) -> tuple[int, int]:
    """Return how many letters of a text the tokenizer does not know, and how many it has.

    A token of its own stands for what is unknown, however long that is: so letters are counted. Of
    a tokenizer that falls back on bytes, nothing is unknown. Blanks do not count.
    """
    loaded = _load(preprocessing.tokenizer, preprocessing.tokenizer_digest)
    encoded = _encode(loaded.tokenizer, text)
    where = (
        span
        for token, span in zip(encoded.ids, encoded.offsets, strict=True)
        if token == loaded.unknown
    )
    return sum(_num_letters(text[start:stop]) for start, stop in where), _num_letters(text)


def _num_letters(text: str) -> int:
    return sum(not letter.isspace() for letter in text)


def word_starts(tokens: Int[np.ndarray, " length"], preprocessing: TextInput) -> list[int]:
    """Return the places of the tokens with which words begin, as the tokenizer marks them.

    The first token is always one. Of a tokenizer without such marks, every token is a word.
    """
    tokenizer = _load(preprocessing.tokenizer, preprocessing.tokenizer_digest).tokenizer
    names = [tokenizer.id_to_token(token) or "" for token in tokens.tolist()]
    if any(name.startswith(_SPACES) for name in names):
        return [i for i, name in enumerate(names) if i == 0 or name.startswith(_SPACES)]
    return [i for i, name in enumerate(names) if i == 0 or not name.startswith("##")]


def _encode(tokenizer: Tokenizer, text: str, *, special: bool = False) -> Encoding:
    try:
        try:
            return tokenizer.encode(text, add_special_tokens=special)
        except TypeError:  # half of a surrogate pair, as cut strings and JSON have them
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return tokenizer.encode(text, add_special_tokens=special)
    except Exception as error:  # tokenizers raises plain Exception
        raise ExampleError(f"the tokenizer cannot read it ({error})") from error


def _window(loaded: _Loaded, tokens: Indices) -> Indices:
    return np.concatenate((loaded.before, tokens, loaded.after))


@lru_cache(maxsize=8)
def _load(path: Path, digest: str) -> _Loaded:
    again = "Fetch the backbone again, or give its folder."
    try:
        found = digest_file(path)
        if found != digest:
            raise WeightsError(
                f"The tokenizer {path} has the digest {found[:12]}..., expected {digest[:12]}...: "
                f"it is not the one that the backbone was taken with. {again}"
            )
        tokenizer = Tokenizer.from_file(str(path))
        unknown = _unknown(tokenizer, path)
    except OSError as error:
        raise WeightsError(
            f"The tokenizer {path} cannot be read: {error.strerror}. {again}"
        ) from error
    except WeightsError:
        raise
    except Exception as error:  # tokenizers raises plain Exception
        raise WeightsError(f"The tokenizer {path} is damaged: {error}. {again}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    before, after = _around(tokenizer)
    return _Loaded(tokenizer=tokenizer, before=before, after=after, unknown=unknown)


def _unknown(tokenizer: Tokenizer, path: Path) -> int | None:
    # Not of to_str(), which counts up to the highest number of a token: it may be any.
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    name, number = model.get("unk_token"), model.get("unk_id")
    return tokenizer.token_to_id(name) if isinstance(name, str) else number


def _around(tokenizer: Tokenizer) -> tuple[Indices, Indices]:
    """Find the special tokens before and after a text: some text's own tokens stand between."""
    ids = np.zeros(0, np.int64)
    for text in ("a", "1", *islice(tokenizer.get_vocab(), 100)):  # not every one knows an "a"
        try:
            found = _encode(tokenizer, text, special=True)
        except ExampleError:  # nor puts up with what it does not know
            continue
        ids = np.array(found.ids, np.int64)
        own = np.flatnonzero(np.array(found.special_tokens_mask) == 0)
        if len(own):
            return ids[: own[0]], ids[own[-1] + 1 :]
    return ids, ids[:0]
