"""The card of a model: true, read by the hub's own tools, and safe from what a class is called."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from topwork.model.archive import CARD, load
from topwork.model.card import card_data, model_card, with_worth
from topwork.model.model import Model
from topwork.model.predictions import DataCounts
from topwork.training.selection import Selection


def with_card(model: Model, **changes: object) -> Model:
    """The same model on a backbone with another card."""
    card = replace(model.backbone.card, **changes)  # type: ignore[arg-type]
    return rebuilt(model, backbone=replace(model.backbone, card=card))


def rebuilt(model: Model, **changes: object) -> Model:
    parts = {
        name: getattr(model, name)
        for name in ("head", "classes", "backbone", "pools", "evaluation", "test", "data",
                     "recipe", "notes", "choice")
    }  # fmt: skip
    return Model(**{**parts, **changes}, open_executor=lambda: None)  # type: ignore[arg-type]


def test_the_hub_reads_the_scores(tiny_model: Model) -> None:
    card = ModelCard(model_card(tiny_model))
    assert tiny_model.evaluation is not None
    assert card.data.library_name == "topwork"
    assert card.data.pipeline_tag == "image-classification"
    found = {one.metric_type: one.metric_value for one in card.data.eval_results or ()}
    accuracy, macro = tiny_model.evaluation.accuracy.value, tiny_model.evaluation.macro_f1.value
    assert found == {"accuracy": round(accuracy, 4), "f1": round(macro, 4)}
    assert {one.dataset_name for one in card.data.eval_results or ()} == {"digits"}


def test_what_the_hub_writes_again_says_the_same(tiny_model: Model) -> None:
    written = ModelCard(model_card(tiny_model)).data.to_dict()
    assert yaml.safe_load(ModelCard(model_card(tiny_model)).data.to_yaml()) == written
    assert {k: v for k, v in written.items() if k != "model-index"} == {
        k: v for k, v in card_data(tiny_model).items() if k != "model-index"
    }


def test_licences_are_those_the_hub_knows(tiny_model: Model) -> None:
    known = card_data(with_card(tiny_model, licence="CC-BY-NC-4.0"))
    assert known["license"] == "cc-by-nc-4.0"
    assert "license_name" not in known
    other = card_data(with_card(tiny_model, licence="unknown"))
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
    tiny_model: Model, source: str, base: str | None
) -> None:
    model = with_card(tiny_model, source=source)
    assert card_data(model).get("base_model") == base
    assert "/home/me" not in model_card(model), "where it lay on one machine is no one's business"


NASTY = (
    'x"\n---\nlicense: mit\n', "a: [b, {c", "\x85\u2028\x07", "<script>alert(1)</script>",
    "| pipe | `code` [link](http://x)", "- list", "🦊 лиса", "'",
)  # fmt: skip


def test_names_cannot_break_the_card(tiny_model: Model) -> None:
    data = DataCounts(
        per_class=dict.fromkeys(NASTY, 2), num_test=0, num_duplicates=0, skipped=(), ignored={}
    )
    for name in NASTY:
        model = rebuilt(
            with_card(tiny_model, licence=name),
            classes=NASTY,
            data=data,
            recipe=tiny_model.recipe.changed(data=name),
            notes=[name],
        )
        text = model_card(model)
        head = text.split("\n---\n")[0].removeprefix("---\n")
        assert yaml.safe_load(head)["license_name"] == name
        assert yaml.safe_load(head)["license"] == "other"
        assert "<script>" not in text.split("\n---\n", 1)[1].replace("\\<", "")
        table = text.split("## Classes")[1].split("## Scores")[0].strip().splitlines()
        assert len(table) == 2 + len(NASTY), "a name on a line of its own"


def test_the_body_says_what_it_is(tiny_model: Model) -> None:
    text = model_card(tiny_model)
    assert tiny_model.evaluation is not None
    assert str(tiny_model.evaluation.accuracy) in text
    assert "| zero | 10 |" in text
    assert "It learned from 30 examples, which is few." in text
    assert "it was not measured" in text
    scratch = rebuilt(tiny_model, selection=Selection(strategy="scratch"), evaluation=None)
    assert "Nothing was transferred" in model_card(scratch)
    assert "None: there were too few examples" in model_card(scratch)
    assert "model-index" not in card_data(scratch)


def test_the_card_lies_in_the_folder_and_may_be_edited(saved: Path, tmp_path: Path) -> None:
    text = (saved / CARD).read_text(encoding="utf-8")
    assert ModelCard(text).data.library_name == "topwork"
    folder = tmp_path / "model"
    load(saved).save(folder)
    (folder / CARD).write_text(text + "\nMy own words.\n", encoding="utf-8")
    load(folder)
    load(saved).save(folder, overwrite=True)
    assert "My own words" not in (folder / CARD).read_text(encoding="utf-8")


def test_the_verdict_takes_its_place_and_nothing_else_moves(tiny_model: Model) -> None:
    card = model_card(tiny_model).replace("## Limits\n\n", "## Limits\n\nMine. ")
    after = with_worth(card, tiny_model, "Transfer is worth +3 points over <nothing> \\1.")
    start, end = "## What transfer was worth\n\n", "## How it was trained"
    assert card.split(start)[0] == after.split(start)[0]
    assert card.split(end)[1] == after.split(end)[1]
    assert "Mine. " in after
    assert "Transfer is worth +3 points over" in after
    assert "was not measured" not in after
    again = with_worth(after, tiny_model, "Another.")
    assert "+3 points" not in again
    assert again.count("## ") == card.count("## ")


def test_a_card_without_that_part_stays_as_it_is(tiny_model: Model) -> None:
    assert with_worth("# Mine\n", tiny_model, "Anything.") == "# Mine\n"
