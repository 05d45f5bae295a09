"""What users call backbones, and what they are told when it cannot be read."""

import pytest

from topwork.backbones.spec import Spec, nearest_names, parse_spec
from topwork.errors import SettingError


def test_a_name_alone_has_no_options() -> None:
    assert parse_spec("timm/resnet18.a1_in1k") == Spec(base="timm/resnet18.a1_in1k")


def test_options_are_read() -> None:
    assert parse_spec("a?max_tokens=64&prompt=query: &precision=bf16") == Spec(
        base="a", max_tokens=64, prompt="query: ", precision="bf16"
    )
    spec = parse_spec("a?pretrained=false&seed=3&size=160&resize=crop")
    assert spec == Spec(base="a", pretrained=False, seed=3, size=160, resize="crop")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a", "a"),
        ("a?pretrained=true", "a"),
        ("a?resize=pad&pretrained=FALSE&seed=0", "a?pretrained=false&resize=pad"),
        ("a?seed=7&pretrained=false&size=96", "a?pretrained=false&seed=7&size=96"),
        ("a?precision=f32&max_tokens=9&prompt=x", "a?max_tokens=9&prompt=x&precision=f32"),
        ("a?shape=3x128&pretrained=false", "a?pretrained=false&shape=3x128"),
        ("a?size=32&stem=small&pretrained=false", "a?pretrained=false&stem=small&size=32"),
    ],
)
def test_it_is_written_in_one_way_that_reads_back(text: str, written: str) -> None:
    assert str(parse_spec(text)) == written
    assert parse_spec(written) == parse_spec(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a?sise=3", r"'sise'; accepted: pretrained=.*seed="),
        ("a?pretrained=maybe", "pretrained='maybe'; accepted: true or false"),
        ("a?precision=f16", "precision='f16'; accepted: f32 or bf16"),
        ("a?max_tokens=-1", r"max_tokens='-1'; accepted: .*8 or more"),
        ("a?size=big", "size='big'; accepted: pixels"),
        ("a?pretrained=false&seed=-1", "seed='-1'; accepted: a whole number"),
        ("a?seed=1", r"seed.*Add pretrained=false"),
        ("a?stem=small", r"stem.*not random.*remove the stem"),
        ("a?pretrained=false&stem=tiny", "stem='tiny'; accepted: small"),
        ("a?shape=3,128", r"shape='3,128'; accepted: .*3x128"),
        ("a?shape=", "shape=''; accepted: of an array"),
        ("a?shape=3x", "shape='3x'; accepted: of an array"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        parse_spec(text)


def test_options_of_another_kind_are_refused() -> None:
    with pytest.raises(SettingError, match=r"'a' takes sounds.*\bsize is for images"):
        parse_spec("a?size=9").check_options("sound")
    with pytest.raises(SettingError, match=r"'a' takes images.*prompt is for texts"):
        parse_spec("a?prompt=x").check_options("image")
    with pytest.raises(SettingError, match=r"'a' takes texts.*shape is for arrays"):
        parse_spec("a?shape=9").check_options("text")
    parse_spec("a?max_tokens=9").check_options("text")


def test_near_names_come_first_and_there_are_always_some() -> None:
    known = ["resnet18", "resnet34", "vit_tiny"]
    assert nearest_names("resnt18", known).startswith("'resnet18'")
    assert nearest_names("???", known) == "'resnet18', 'resnet34', 'vit_tiny'"
    assert nearest_names("a", []) == "none"
