"""The model card that lies beside the weights."""

from dataclasses import replace

from topwork.backbones.base import Backbone, Card
from topwork.backbones.registry import get_backbone
from topwork.backbones.saved.card import model_card


def backbone() -> Backbone:
    card = Card(
        licence="MIT",
        pretrained_on="kites",
        num_pretraining_examples=None,
        source="topwork pretrain kites/",
    )
    found = get_backbone("topwork/mlp:4?pretrained=false&shape=3")
    return replace(found, name="Kites", card=card)


def test_figures_are_for_people() -> None:
    report = {
        "num_examples": 50000,
        "balanced": True,
        "best": None,
        "seconds": 4567.8,
        "rate": 0.00123456,
        "classes": ["a", "b|c", 3],
        "per class": {"a": 1, "b": 2000},
        "score": {"value": 0.5, "low": 0.4, "high": 0.6},
        "note": "two\nlines",
    }
    text = model_card(backbone(), report, "./kites")
    for row in (
        "| network | mlp (topwork), for arrays |",
        "| licence of the weights | MIT |",
        "| examples | 50,000 |",  # the report's own, in the place of the card's unknown
        "| balanced | True |",
        "| best | unknown |",
        "| seconds | 4,568 |",
        "| rate | 0.001235 |",
        "| classes | a, b\\|c, 3 |",
        "| per class | a: 1, b: 2,000 |",
        "| score | 0.5 (95% interval 0.4 to 0.6) |",
        "| note | two lines |",
        '--backbone "./kites?pretrained=false"',
    ):
        assert row in text


def test_a_report_may_be_empty() -> None:
    text = model_card(backbone(), {}, "./kites")
    assert text.startswith("# Kites\n")
    assert "| examples | unknown |" in text
