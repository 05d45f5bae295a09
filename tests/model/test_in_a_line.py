"""A model in one line: what it says, and when."""

from dataclasses import replace

from tests import small
from topwork.backbones.base import Backbone
from topwork.model.in_a_line import in_a_line
from topwork.model.model import Model
from topwork.runs.train import train


def test_a_model_says_what_it_is(tiny_model: Model) -> None:
    line = repr(tiny_model)
    assert line == in_a_line(tiny_model.parts)
    assert line.startswith("<topwork.Model of images: 3 classes (one, two, zero) from 30 examples")
    assert tiny_model.evaluation is not None
    assert f"on tiny; accuracy {tiny_model.evaluation.accuracy}, " in line
    assert "\n" not in line


def test_many_classes_are_counted_and_a_test_part_goes_first(
    tiny_model: Model, tiny_backbone: Backbone
) -> None:
    model = train(*small.colours(9, 3), backbone=tiny_backbone, train="head", num_repeats=1)
    assert "9 classes (c000, c001, c002, c003, c004 and 4 more)" in repr(model)
    tested = replace(model.parts, test=tiny_model.evaluation)
    assert tiny_model.evaluation is not None
    assert tiny_model.evaluation.method in in_a_line(tested)
    assert "; not scored>" in in_a_line(replace(model.parts, evaluation=None))
