"""Words change places whole; special tokens, the prompt and the length stay."""

from collections import Counter

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from topwork.backbones.catalog import MINILM_L6
from topwork.backbones.embedded import find_embedded
from topwork.core.digests import digest_file
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.tokens import text_windows
from topwork.examples.texts.views import text_view

MINILM = find_embedded(MINILM_L6)["tokenizer.json"]
TEXT = "The unbelievable topworking of unforgettable pear trees near Canterbury took nineteen years"


def preprocessing(path=MINILM, **more):
    settings = {"max_tokens": 64, **more}
    return TextInput(tokenizer=path, tokenizer_digest=digest_file(path), **settings)


def view(window, of, seed=1):
    return text_view(window, of, lambda name: np.random.default_rng(seed))


def words(window, of):
    return Tokenizer.from_file(str(of.tokenizer)).decode(window.tolist()).split()


def test_whole_words_change_places():
    of = preprocessing()
    (window,) = text_windows(TEXT, of)
    before = words(window, of)
    assert len(window) > len(before) + 2  # some words are of several tokens
    seen = set()
    for seed in range(30):
        got = view(window, of, seed)
        after = words(got, of)
        assert (len(got), got[0], got[-1]) == (len(window), window[0], window[-1])
        assert Counter(after) == Counter(before)
        assert sum(a != b for a, b in zip(after, before, strict=True)) == 2
        seen.add(tuple(after))
    assert len(seen) > 15


def test_a_tenth_of_the_words_as_pairs():
    of = preprocessing()
    (window,) = text_windows(" ".join("abcdefghijklmnopqrstuvwxyz0123456789"), of)
    moved = [int((view(window, of, seed) != window).sum()) for seed in range(30)]
    assert max(moved) == 6  # three pairs of 36
    assert min(moved) >= 3


def test_the_prompt_stays():
    of = preprocessing(prompt="query: ")
    (window,) = text_windows(TEXT, of)
    for seed in range(20):
        assert words(view(window, of, seed), of)[:2] == ["query", ":"]


def test_later_windows_have_no_prompt():
    of = preprocessing(prompt="query: ", max_tokens=8)
    _, second, *_ = text_windows(TEXT, of)
    assert any(view(second, of, seed)[1] != second[1] for seed in range(30))


@pytest.mark.parametrize("text", ["one", "", "unforgettable"])
def test_a_single_word_stays(text):
    of = preprocessing()
    window = text_windows(text, of)[0] if text else np.array([101, 102])
    assert np.array_equal(view(window, of), window)


def marked(folder, names, pre_tokenizer):
    tokenizer = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token=names[0]))
    tokenizer.pre_tokenizer = pre_tokenizer
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return preprocessing(path)


@pytest.mark.parametrize("space", ["Ġ", "▁"])
def test_words_that_begin_with_a_mark(space, tmp_path):
    names = ["on", "e", f"{space}tw", "o", f"{space}thr", "ee"]
    of = marked(tmp_path, names, pre_tokenizers.Whitespace())
    seen = {tuple(view(np.arange(6), of, seed).tolist()) for seed in range(40)}
    assert seen == {(2, 3, 0, 1, 4, 5), (0, 1, 4, 5, 2, 3), (4, 5, 2, 3, 0, 1)}


def test_without_marks_every_token_is_a_word(tmp_path):
    of = marked(tmp_path, ["a", "b", "c"], pre_tokenizers.Whitespace())
    seen = {tuple(view(np.arange(3), of, seed).tolist()) for seed in range(40)}
    assert seen == {(1, 0, 2), (0, 2, 1), (2, 1, 0)}
