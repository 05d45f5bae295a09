"""Texts of letters that the tokenizer does not know are named."""

from __future__ import annotations

from collections.abc import Sequence

from topwork.backbones.registry import get_backbone
from topwork.examples.example import Example
from topwork.examples.remarks.texts import text_remarks
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.tokens import unknown_letters


def english() -> TextInput:
    preprocessing = get_backbone("minilm-l6").input
    assert isinstance(preprocessing, TextInput)
    return preprocessing


def remarks(texts: Sequence[str]) -> list[str]:
    examples = [
        Example(name=f"t.csv[{i}]", digest=str(i), read=lambda text=text: text, label="a")
        for i, text in enumerate(texts)
    ]
    return text_remarks(examples, english())


def test_letters_are_counted_and_not_tokens() -> None:
    assert unknown_letters("hello world", english()) == (0, 10)
    assert unknown_letters("ምግብ", english()) == (3, 3)
    assert unknown_letters("hello ምግብ ቡና", english()) == (5, 10)
    assert unknown_letters("ACGT" * 40, english()) == (160, 160)  # too long for one word


def test_a_script_that_is_not_known() -> None:
    (remark,) = remarks(["ምግብ ቡና ዳቦ", "ኳስ ጨዋታ ቡድን"] * 10)
    assert remark.startswith("Of 20 of 20 texts that were looked at (the first: t.csv[0])")
    assert "knows 0% of the letters" in remark
    assert "--backbone" in remark


def test_some_of_many() -> None:
    assert "Of 10 of 100 texts" in remarks(["a plain text"] * 90 + ["🙂🙃"] * 10)[0]
    assert remarks(["a plain text"] * 99 + ["🙂🙃"]) == []


def test_nothing_is_said_of_known_letters() -> None:
    assert remarks(["Große Straße, déjà vu 🙂", "https://example.org/a-path", "1 + 1 = 2"]) == []
