"""The card of a model: true, read by the hub's own tools, and safe from what a class is called."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from topwork.model.archive import CARD
from topwork.model.card import card_data, model_card, with_worth
from topwork.model.model import Model, load
from topwork.model.parts import DataCounts, ModelParts
from topwork.training.selection import Selection


@pytest.fixture
def parts(tiny_model: Model) -> ModelParts:
    return tiny_model.parts


def with_card(parts: ModelParts, **changes: str) -> ModelParts:
    """The same model on a backbone with another card."""
    card = replace(parts.backbone.card, **changes)  # type: ignore[arg-type]
    return replace(parts, backbone=replace(parts.backbone, card=card))


def test_the_hub_reads_the_scores(parts: ModelParts) -> None:
    card = ModelCard(model_card(parts))
    assert parts.evaluation is not None
    assert card.data.library_name == "topwork"
    assert card.data.pipeline_tag == "image-classification"
    found = {one.metric_type: one.metric_value for one in card.data.eval_results or ()}
    accuracy, macro = parts.evaluation.accuracy.value, parts.evaluation.macro_f1.value
    assert found == {"accuracy": round(accuracy, 4), "f1": round(macro, 4)}
    assert {one.dataset_name for one in card.data.eval_results or ()} == {"digits"}


def test_what_the_hub_writes_again_says_the_same(parts: ModelParts) -> None:
    written = ModelCard(model_card(parts)).data.to_dict()
    assert yaml.safe_load(ModelCard(model_card(parts)).data.to_yaml()) == written
    assert {k: v for k, v in written.items() if k != "model-index"} == {
        k: v for k, v in card_data(parts).to_dict().items() if k != "model-index"
    }


def test_licences_are_those_the_hub_knows(parts: ModelParts) -> None:
    known = card_data(with_card(parts, licence="CC-BY-NC-4.0")).to_dict()
    assert known["license"] == "cc-by-nc-4.0"
    assert "license_name" not in known
    other = card_data(with_card(parts, licence="unknown")).to_dict()
    assert (other["license"], other["license_name"]) == ("other", "unknown")


@pytest.mark.parametrize(
    ("source", "base"),
    [
        ("Hugging Face hub, timm/resnet50.a1_in1k", "timm/resnet50.a1_in1k"),
        ("group/net-L6, from the Python package net", "group/net-L6"),
        ("folder /home/me/vit", None),
        ("a torch module of the user's own", None),
    ],
)
def test_the_base_model_is_named_where_it_is_on_the_hub(
    parts: ModelParts, source: str, base: str | None
) -> None:
    changed = with_card(parts, source=source)
    assert card_data(changed).base_model == base
    assert "/home/me" not in model_card(changed), "where it lay on one machine is no one's business"


NASTY = (
    'x"\n---\nlicense: mit\n', "a: [b, {c", "\x85\u2028\x07", "<script>alert(1)</script>",
    "| pipe | `code` [link](http://x)", "- list", "🦊 лиса", "'",
)  # fmt: skip


def test_names_cannot_break_the_card(parts: ModelParts) -> None:
    data = DataCounts(
        per_class=dict.fromkeys(NASTY, 2), num_test=0, num_duplicates=0, skipped=(), ignored={}
    )
    for name in NASTY:
        changed = replace(
            with_card(parts, licence=name),
            classes=NASTY,
            data=data,
            recipe=parts.recipe.changed(data=name),
            notes=(name,),
        )
        text = model_card(changed)
        head = text.split("\n---\n")[0].removeprefix("---\n")
        assert yaml.safe_load(head)["license_name"] == name
        assert yaml.safe_load(head)["license"] == "other"
        assert "<script>" not in text.split("\n---\n", 1)[1].replace("\\<", "")
        table = text.split("## Classes")[1].split("## Scores")[0].strip().splitlines()
        assert len(table) == 2 + len(NASTY), "a name on a line of its own"


def test_the_body_says_what_it_is(parts: ModelParts) -> None:
    text = model_card(parts)
    assert parts.evaluation is not None
    assert str(parts.evaluation.accuracy) in text
    assert "| zero | 10 |" in text
    assert "It learned from 30 examples, which is few." in text
    assert "it was not measured" in text
    scratch = replace(parts, selection=Selection(strategy="scratch"), evaluation=None)
    assert "Nothing was transferred" in model_card(scratch)
    assert "None: there were too few examples" in model_card(scratch)
    assert "model-index" not in card_data(scratch).to_dict()
    assert "model-index" in card_data(parts).to_dict()


def test_the_card_lies_in_the_folder_and_may_be_edited(saved: Path, tmp_path: Path) -> None:
    text = (saved / CARD).read_text(encoding="utf-8")
    assert ModelCard(text).data.library_name == "topwork"
    folder = tmp_path / "model"
    load(saved).save(folder)
    (folder / CARD).write_text(text + "\nMy own words.\n", encoding="utf-8")
    load(folder)
    load(saved).save(folder, overwrite=True)
    assert "My own words" not in (folder / CARD).read_text(encoding="utf-8")


def test_the_verdict_takes_its_place_and_nothing_else_moves(parts: ModelParts) -> None:
    card = model_card(parts).replace("## Limits\n\n", "## Limits\n\nMine. ")
    after = with_worth(card, parts, "Transfer is worth +3 points over <nothing> \\1.")
    start, end = "## What transfer was worth\n\n", "## How it was trained"
    assert card.split(start)[0] == after.split(start)[0]
    assert card.split(end)[1] == after.split(end)[1]
    assert "Mine. " in after
    assert "Transfer is worth +3 points over" in after
    assert "was not measured" not in after
    again = with_worth(after, parts, "Another.")
    assert "+3 points" not in again
    assert again.count("## ") == card.count("## ")


def test_a_card_without_that_part_stays_as_it_is(parts: ModelParts) -> None:
    assert with_worth("# Mine\n", parts, "Anything.") == "# Mine\n"
