"""The words of a text against the one that decides."""

import pytest

from tests import small
from topwork.errors import ExampleError, ModalityError, SettingError
from topwork.evidence.attribution.texts import MAX_PARTS, words
from topwork.model.model import Model
from topwork.runs.train import train

FILLING = ("we saw it today", "they went there", "it was so and so", "this is about that",
           "one of these again", "here it comes now")  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Model:
    """One word decides: `banana` or `granite`."""
    texts = [f"{filling} {word}" for filling in FILLING for word in ("banana", "granite")]
    labels = ["fruit", "stone"] * len(FILLING)
    return train(texts, labels, backbone=small.tiny_text_backbone(), num_repeats=1)


def test_the_word_that_decides_has_the_most_weight(model: Model) -> None:
    for word, label in (("banana", "fruit"), ("granite", "stone")):
        found = words(model, f"once  again it was {word} that we saw")
        assert found.label == label
        texts = [text for text, _ in found.words]
        assert texts == ["once", "again", "it", "was", word, "that", "we", "saw"]
        weights = dict(found.words)
        assert max(weights, key=lambda text: weights[text]) == word
        assert weights[word] > 1.5 * max(abs(v) for text, v in weights.items() if text != word)
        against = words(model, f"it was {word} today", "stone" if label == "fruit" else "fruit")
        assert dict(against.words)[word] < 0


def test_the_weight_is_what_the_odds_lose(model: Model) -> None:
    import math

    def odds(text: str) -> float:
        (row,) = model.predict_proba([text])
        return math.log(row[0] / row[1])

    found = words(model, "it was banana today", "fruit")
    wanted = odds("it was banana today") - odds("it was today")
    assert found.words[2] == ("banana", pytest.approx(wanted, rel=1e-4, abs=1e-4))


def test_a_long_text_costs_no_more_runs(model: Model) -> None:
    text = " ".join(["today"] * 500 + ["banana"] * 3 + ["today"] * 500)
    found = words(model, text, "fruit")
    assert len(found.words) == 1003
    assert len({weight for _, weight in found.words}) <= MAX_PARTS
    top = max(range(1003), key=lambda i: found.words[i][1])
    assert abs(top - 501) < 1003 / MAX_PARTS + 2


def test_a_single_word_is_compared_with_a_guess(model: Model) -> None:
    found = words(model, " banana ")
    ((text, weight),) = found.words
    assert text == "banana"
    assert found.label == "fruit"
    assert weight > 0


def test_what_cannot_be_asked_is_said(model: Model, tiny_model: Model) -> None:
    with pytest.raises(SettingError, match="The label is 'metal'"):
        words(model, "a banana", "metal")
    with pytest.raises(ExampleError, match="empty"):
        words(model, "  ")
    with pytest.raises(ModalityError, match="takes images"):
        words(tiny_model, "a banana")
