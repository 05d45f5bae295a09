import numpy as np
import pytest

from tests.evidence.data.test_alignment import photo, squashed
from topwork.evidence.data.odd_inputs import find_odd, script_of
from topwork.evidence.data.thumbnails import (
    ArrayLook,
    ImageLook,
    Look,
    SoundLook,
    TextLook,
    Unreadable,
)


def image(pixels: np.ndarray | None = None, size: tuple[int, int] = (300, 200), frames: int = 1):  # type: ignore[no-untyped-def]
    own = squashed(photo(0)) if pixels is None else pixels.astype(np.uint8)
    return ImageLook(pixels=own, width=size[0], height=size[1], num_frames=frames)


def sound(**changed: float) -> SoundLook:
    values = {"seconds": 1.0, "peak": 0.4, "level": 0.1, "offset": 0.0, "clipped": 0.0}
    return SoundLook(samples=np.zeros(10, np.float32), **{**values, **changed})


def traits(looks: list[Look]) -> dict[int, str]:
    return {odd.position: odd.trait for odd in find_odd(dict(enumerate(looks)))}


def flat(value: int, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (value + rng.normal(0, noise, (64, 64, 3))).clip(0, 255)


def test_odd_images_are_named() -> None:
    usual: list[Look] = [image() for _ in range(60)]
    one_colour = flat(240)
    one_colour[:4, :10] = (30, 200, 60)
    grey = squashed(photo(0)).mean(2, keepdims=True).repeat(3, axis=2)
    odd: dict[str, Look] = {
        "tiny": image(size=(20, 20)),
        "long": image(size=(1000, 100)),
        "frames": image(frames=4),
        "blank": image(flat(200, 0.5)),
        "one colour": image(one_colour),
        "grey": image(grey),
        "bright": image(flat(235, 14) * np.array([1, 0.98, 0.97])),
        "dark": image(flat(20, 14) * np.array([1, 0.9, 1.2])),
        "unreadable": Unreadable(reason="gone"),
    }
    found = traits([*usual, *odd.values()])
    assert found == dict(enumerate(odd, start=60))


def test_a_trait_of_many_is_the_datas_own() -> None:
    grey = squashed(photo(0)).mean(2, keepdims=True).repeat(3, axis=2)
    assert traits([image(grey) for _ in range(20)]) == {}
    assert traits([image(grey) for _ in range(9)] + [image() for _ in range(20)]) == {}
    small: list[Look] = [image(size=(8, 8)) for _ in range(20)]
    assert traits(small) == {}
    assert traits([*[image(grey) for _ in range(20)], image()]) == {20: "in colour"}


def test_odd_sounds_are_named() -> None:
    odd = {
        "silent": sound(peak=0.0005, level=0.0001),
        "clipped": sound(peak=1.0, clipped=0.05),
        "offset": sound(offset=0.2),
        "short": sound(seconds=0.1),
        "over-long": sound(seconds=20.0),
    }
    assert traits([*[sound() for _ in range(40)], *odd.values()]) == dict(enumerate(odd, start=40))


def test_odd_texts_are_named() -> None:
    usual = ["where is my card, it has not come"] * 40
    odd = {
        "empty": " \n",
        "one character": "x",
        "script": "где моя карта, я жду её давно",
        "over-long": "and then " * 200,
    }
    looks: list[Look] = [TextLook(text=text) for text in (*usual, *odd.values())]
    assert traits(looks) == dict(enumerate(odd, start=40))


def test_texts_of_several_scripts_have_no_odd_script() -> None:
    texts = ["hello there"] * 12 + ["привет всем"] * 10 + ["你好你好你好"] * 1
    looks: list[Look] = [TextLook(text=text) for text in texts]
    assert traits(looks) == {}


@pytest.mark.parametrize(
    ("text", "script"),
    [("Hello", "LATIN"), ("привет", "CYRILLIC"), ("你好", "CJK"), ("12 !?", None)],
)
def test_scripts_are_named_as_in_unicode(text: str, script: str | None) -> None:
    assert script_of(text) == script


def test_constant_arrays_are_odd_and_the_worst_come_first() -> None:
    looks: list[Look] = [ArrayLook(values=np.arange(4)) for _ in range(20)]
    looks += [ArrayLook(values=np.ones(4)), Unreadable(reason="gone")]
    found = find_odd(dict(enumerate(looks)))
    assert [odd.trait for odd in found] == ["unreadable", "constant"]
    assert "gone" in found[0].reason
