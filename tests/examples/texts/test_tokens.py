"""Texts become the windows that the tokenizers' own truncation would give, and none is lost."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from topwork.backbones.catalog import MINILM_L6
from topwork.backbones.embedded import find_embedded
from topwork.core.digests import digest_file
from topwork.errors import ExampleError, SettingError, WeightsError
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.tokens import text_windows

MINILM = find_embedded(MINILM_L6)["tokenizer.json"]
TEXTS = [
    "I am still waiting on my card?",
    "Grüße, 世界! 👩‍🚀",
    "ça va?\n\tOui.",
    "[SEP] [MASK] </s>",
]


def preprocessing(path=MINILM, max_tokens=256, **more):
    return TextInput(
        tokenizer=path, tokenizer_digest=digest_file(path), max_tokens=max_tokens, **more
    )


def made(folder, post_processor=None, unknown="<unk>"):
    """A tokenizer of three words; what it does not know is nothing, or `unknown`."""
    words = {"<s>": 0, "</s>": 1, "one": 2, "two": 3, "<unk>": 4}
    model = models.WordLevel(words, unk_token=unknown)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if post_processor is not None:
        tokenizer.post_processor = post_processor
    tokenizer.enable_padding(length=64)
    tokenizer.enable_truncation(3)
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def template(single, special):
    return processors.TemplateProcessing(single=single, special_tokens=special)


class TestAgainstTheirOwn:
    @pytest.mark.parametrize("text", TEXTS)
    def test_transformers(self, text):
        from transformers import AutoTokenizer

        want = AutoTokenizer.from_pretrained(MINILM.parent)(text)["input_ids"]
        (got,) = text_windows(text, preprocessing())
        assert got.dtype == np.int64
        assert got.tolist() == want

    @settings(max_examples=30, deadline=None)
    @given(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400),
        st.integers(8, 40),
    )
    def test_truncation_with_overflow(self, text, max_tokens):
        if text.isspace():
            return
        tokenizer = Tokenizer.from_file(str(MINILM))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        found = tokenizer.encode(text)
        want = [found.ids, *(more.ids for more in found.overflowing)]
        assert [
            w.tolist() for w in text_windows(text, preprocessing(max_tokens=max_tokens))
        ] == want

    def test_the_prompt_comes_first(self):
        (got,) = text_windows("a card", preprocessing(prompt="query: "))
        (want,) = text_windows("query: a card", preprocessing())
        assert np.array_equal(got, want)


class TestSpecialTokens:
    def test_none_before_or_after(self, tmp_path):
        form = preprocessing(made(tmp_path), max_tokens=8)
        assert [w.tolist() for w in text_windows("one two " * 5, form)] == [[2, 3] * 4, [2, 3]]

    def test_one_before(self, tmp_path):
        path = made(tmp_path, template("<s> $A", [("<s>", 0)]))
        found = text_windows("one two " * 5, preprocessing(path, max_tokens=8))
        assert [w.tolist() for w in found] == [[0, 2, 3, 2, 3, 2, 3, 2], [0, 3, 2, 3]]

    def test_several(self, tmp_path):
        path = made(tmp_path, template("<s> <s> $A </s>", [("<s>", 0), ("</s>", 1)]))
        (found,) = text_windows("two", preprocessing(path, max_tokens=8))
        assert found.tolist() == [0, 0, 3, 1]

    def test_a_text_of_no_tokens(self, tmp_path):
        (found,) = text_windows("\x00\x01", preprocessing())
        assert found.tolist() == [101, 102]
        words = Tokenizer(models.BPE({"a": 0}, []))
        words.save(str(tmp_path / "bpe.json"))
        with pytest.raises(ExampleError, match="no token in it"):
            text_windows("\u200b", preprocessing(tmp_path / "bpe.json"))

    def test_a_text_that_cannot_be_read(self, tmp_path):
        form = preprocessing(made(tmp_path, unknown="<none>"))
        with pytest.raises(ExampleError, match=r"cannot read it \(WordLevel error"):
            text_windows("three", form)
        assert text_windows("one", form)[0].tolist() == [2]

    def test_one_that_knows_no_a(self, tmp_path):
        around = template("<s> $A </s>", [("<s>", 0), ("</s>", 1)])
        path = made(tmp_path, around, unknown="<none>")
        assert text_windows("one", preprocessing(path))[0].tolist() == [0, 2, 1]

    def test_no_room(self, tmp_path):
        names = [f"<s{i}>" for i in range(9)]
        path = made(tmp_path, template(" ".join(names) + " $A", [(n, 0) for n in names]))
        with pytest.raises(SettingError, match=r"max_tokens is 8, .* adds 9 to each"):
            text_windows("one", preprocessing(path, max_tokens=8))


class TestTexts:
    @pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
    def test_empty(self, text):
        with pytest.raises(ExampleError, match="the text is empty"):
            text_windows(text, preprocessing(prompt="query: "))

    @pytest.mark.parametrize("content", [None, b"bytes", 7, ["a"]])
    def test_not_a_text(self, content):
        with pytest.raises(ExampleError, match=f"a {type(content).__name__}; accepted"):
            text_windows(content, preprocessing())

    def test_halves_of_surrogate_pairs(self):
        (lone,) = text_windows("a \ud83d b", preprocessing())
        (replaced,) = text_windows("a \ufffd b", preprocessing())
        assert np.array_equal(lone, replaced)
        (pair,) = text_windows("a \ud83d\ude00 b", preprocessing())
        (whole,) = text_windows("a 😀 b", preprocessing())
        assert np.array_equal(pair, whole)

    def test_a_million_characters(self):
        text = "hello wörld 😀 " * 71_500
        found = text_windows(text, preprocessing())
        assert all(len(w) == 256 for w in found[:-1])
        inner = np.concatenate([w[1:-1] for w in found])
        (once,) = text_windows("hello wörld 😀 ", preprocessing())
        assert np.array_equal(inner, np.tile(once[1:-1], 71_500))

    def test_threads_agree_with_one(self):
        texts = [f"{text} {i}" for i in range(50) for text in TEXTS]
        alone = [text_windows(text, preprocessing()) for text in texts]
        form = preprocessing()
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda text: text_windows(text, form), texts))
        for a, b in zip(alone, together, strict=True):
            assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))

    def test_costs_little_beside_the_tokenizer(self):
        form, text = preprocessing(), "I am still waiting on my card? It has been over a week."
        tokenizer = Tokenizer.from_file(str(MINILM))
        tokenizer.no_padding()

        def best(call):
            times = []
            for _ in range(20):
                start = time.perf_counter()
                for _ in range(50):
                    call()
                times.append((time.perf_counter() - start) / 50)
            return min(times)

        ours = best(lambda: text_windows(text, form)) - best(lambda: tokenizer.encode(text).ids)
        assert ours < 100e-6


class TestTokenizers:
    def test_another_one(self, tmp_path):
        form = preprocessing(made(tmp_path))
        data = json.loads(form.tokenizer.read_text())
        form.tokenizer.write_text(json.dumps(data, indent=1))
        with pytest.raises(WeightsError, match=r"the digest .*, expected .* Fetch the"):
            text_windows("one", form)

    def test_missing(self, tmp_path):
        form = TextInput(tokenizer=tmp_path / "none.json", tokenizer_digest="0", max_tokens=8)
        with pytest.raises(WeightsError, match=r"none\.json cannot be read: No such file"):
            text_windows("one", form)

    def test_damaged(self, tmp_path):
        path = tmp_path / "tokenizer.json"
        path.write_text("{}")
        with pytest.raises(WeightsError, match=r"tokenizer.json is damaged: "):
            text_windows("one", preprocessing(path))


class TestTextInput:
    def test_settings_and_back(self):
        form = preprocessing(prompt="a: ")
        again = TextInput.from_settings(form.settings(), Path("elsewhere"))
        assert again == form
        assert again.weight(np.zeros(9)) == 9
        assert "tokenizer" not in form.settings()

    def test_wrong_values(self):
        with pytest.raises(SettingError, match=r"max_tokens: got 7; accepted: .*8"):
            preprocessing(max_tokens=7)
        with pytest.raises(SettingError, match=r"settings are \['colour'\]: .* Take those"):
            TextInput.from_settings({"colour": 1}, MINILM)
