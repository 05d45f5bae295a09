"""Activations at the cut: each computed once, for every view, and read back as it was."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests import small
from tests.features.fake import example, examples, png
from tests.small import ROOT
from topwork.backbones.cut import until
from topwork.backbones.modules import from_module
from topwork.backbones.registry import get_backbone
from topwork.core.progress import listening
from topwork.errors import BackboneError, ExampleError, SettingError, StoreError
from topwork.examples.example import Example, Skipped
from topwork.examples.images.decode import decode_image
from topwork.examples.sounds.sound import Sound
from topwork.examples.texts.tokens import text_windows
from topwork.examples.views import augmented, views_of
from topwork.executors.base import WHOLE, Executor, Segment
from topwork.executors.fake import IMAGES, FakeExecutor, fake_backbone
from topwork.features import activations as module
from topwork.features import cut as cut_module
from topwork.features.activations import Activations, save_activations
from topwork.features.store import FeatureStore

BROKEN = example("broken.png", b"not an image")
AUGMENT = ("zoom", "colour")


def whole_fake(**values: Any) -> FakeExecutor:
    """Return one that gives the pixels, [3, 8, 8], with a network's numbers."""
    segments = (Segment(block="b", pool=WHOLE, size=192),)
    return FakeExecutor(segments, **{"compute": output_of, **values})


def output_of(window: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return window.transpose(2, 0, 1).astype(np.float32) / 7 - 10


Save = Callable[..., Activations]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeExecutor:
    executor = whole_fake()
    monkeypatch.setattr(cut_module, "open_executor", lambda *a, **k: executor)
    return executor


@pytest.fixture
def save(store: FeatureStore, fake: FakeExecutor) -> Save:
    def call(given: list[Example], **more: Any) -> Activations:
        more = {"store": store, "device": "cpu", **more}
        return save_activations(given, fake_backbone(), "b", **more)

    return call


def window_of(one: Example, view: int, augment: tuple[str, ...] = AUGMENT) -> npt.NDArray[np.uint8]:
    window = decode_image(one.read(), IMAGES)
    return augmented(window, IMAGES, augment, digest=one.digest, view=view)


def assert_right(found: Activations) -> None:
    for i, one in enumerate(found.examples):
        for view in range(found.num_views):
            wanted = output_of(window_of(one, view)).astype(np.float16)
            np.testing.assert_array_equal(found.read(i, view), wanted)


def test_every_view_is_what_the_network_gives_for_it(save: Save) -> None:
    found = save(examples(5), augment=AUGMENT, num_views=3)
    assert (found.num_computed, found.num_views, found.skipped) == (15, 3, ())
    assert found.examples == tuple(examples(5))
    assert found.read(4).dtype == np.float16
    assert (found.num_windows(0), found.shape(0), found.weight(0)) == (1, (3, 8, 8), 1.0)
    assert_right(found)


def test_what_is_there_is_not_computed_again(save: Save, fake: FakeExecutor) -> None:
    save(examples(10), augment=AUGMENT, num_views=2)
    again = save(examples(13, first=2), augment=AUGMENT, num_views=2)
    assert (again.num_computed, fake.num_run) == (10, 30)
    more = save(examples(10), augment=AUGMENT, num_views=5)
    assert (more.num_computed, fake.num_run) == (30, 60)
    assert save(examples(10), augment=AUGMENT, num_views=5).num_computed == 0
    assert_right(more)


def test_the_first_view_is_shared_by_all_alterations(save: Save) -> None:
    assert save(examples(4)).num_computed == 4
    assert save(examples(4), augment=("flip",), num_views=2).num_computed == 4
    assert save(examples(4), augment=AUGMENT, num_views=2).num_computed == 4
    assert save(examples(4), augment=AUGMENT[::-1], num_views=2).num_computed == 0  # in any order


def test_other_blocks_precisions_and_networks_do_not_mix(
    store: FeatureStore, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = save_activations(examples(2), fake_backbone(), "b", store=store, device="cpu")
    keys = {first.key}
    for network, block in ((fake_backbone(), "c"), (fake_backbone("other"), "b")):
        found = save_activations(examples(2), network, block, store=store, device="cpu")
        assert found.num_computed == 2
        keys.add(found.key)
    monkeypatch.setattr(cut_module, "precision_of", lambda device, network: "bf16")
    found = save_activations(examples(2), fake_backbone(), "b", store=store, device="cpu")
    assert found.num_computed == 2
    assert len({*keys, found.key}) == 4


def test_copies_share_and_broken_ones_are_skipped(save: Save, fake: FakeExecutor) -> None:
    one, two = examples(2)
    copy = example("copy.png", png(0))
    found = save([one, BROKEN, two, copy, BROKEN])
    assert [e.name for e in found.examples] == ["0.png", "1.png", "copy.png"]
    assert [s.name for s in found.skipped] == ["broken.png"] * 2
    assert found.skipped[0].reason.startswith("it is not an image")
    assert (found.num_computed, fake.num_run) == (2, 2)
    np.testing.assert_array_equal(found.read(0), found.read(2))


def test_strict_raises_and_keeps_what_came_before(save: Save) -> None:
    with pytest.raises(ExampleError, match=r"^broken\.png: it is not an image"):
        save([*examples(3), BROKEN, *examples(2, first=3)], strict=True)
    assert save(examples(3)).num_computed == 0


def test_only_broken_ones_leave_no_trace(save: Save, store: FeatureStore) -> None:
    found = save([BROKEN], augment=AUGMENT, num_views=2)
    assert (found.examples, len(found.skipped)) == ((), 1)
    assert save([]).examples == ()
    assert store.spaces() == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_no_numbers_skip_the_example(
    save: Save, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    given = examples(3)
    spoilt = window_of(given[1], 1)

    def spoil(window: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        output = output_of(window)
        output[0, 0, 0] = bad if np.array_equal(window, spoilt) else 1e6
        return output

    executor = whole_fake(compute=spoil)
    monkeypatch.setattr(cut_module, "open_executor", lambda *a, **k: executor)
    found = save(given, augment=AUGMENT, num_views=2)
    reason = "the backbone gives numbers for it that are infinite or not numbers (NaN)"
    assert found.skipped == (Skipped(name="1.png", reason=reason),)
    assert len(found.examples) == 2
    assert found.read(0)[0, 0, 0] == np.finfo(np.float16).max  # clipped


def test_progress_counts_examples(save: Save) -> None:
    told: list[tuple[str, int, int]] = []
    save(examples(5))
    with listening(lambda *step: told.append(step)):
        save([*examples(40), example("copy.png", png(30))], augment=AUGMENT, num_views=2)
    assert (told[0], told[-1]) == (("views", 0, 41), ("views", 41, 41))
    assert told == sorted(told)


@pytest.mark.parametrize("num_views", [0, -1, 4])
def test_views_without_alterations_are_refused(save: Save, num_views: int) -> None:
    with pytest.raises(SettingError, match=rf"num_views is {num_views} with augment \[\]; accept"):
        save(examples(1), num_views=num_views)


def test_unknown_settings_are_refused(save: Save) -> None:
    with pytest.raises(SettingError, match="'sparkle'; accepted for images"):
        save(examples(1), augment=("sparkle",))
    with pytest.raises(SettingError, match="The device is 'gpu'; accepted: auto"):
        save(examples(1), device="gpu")


def test_a_block_that_is_not_there_is_refused(store: FeatureStore) -> None:
    with pytest.raises(BackboneError, match="'tiny' has no block '5'; nearest"):
        save_activations(
            [example("0.png", png(0))], small.tiny_backbone(), "5", store=store, device="cpu"
        )


def test_a_shard_that_is_cut_off_is_removed_and_computed_anew(
    save: Save,
    store: FeatureStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "SHARD_EXAMPLES", 2)
    save(examples(6))
    shards = sorted(store.root.glob("*/*.safetensors"))
    assert len(shards) == 3
    shards[1].write_bytes(shards[1].read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        again = save(examples(6))
    assert "It is removed, and its features are computed anew" in caplog.text
    assert again.num_computed == 2
    assert_right(again)


def test_shards_are_closed_by_size_too(
    save: Save, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARD_BYTES", 2 * 192 * 4)
    found = save(examples(9))
    assert len(list(store.root.glob("*/*.safetensors"))) == 3
    assert_right(found)


def test_the_store_lists_and_cleans_them(save: Save, store: FeatureStore) -> None:
    save(examples(6), augment=AUGMENT, num_views=2)
    found = save(examples(6), augment=AUGMENT, num_views=4)
    spaces = {space.backbone: space for space in store.spaces()}
    assert set(spaces) == {"fake until b", "fake until b (zoom, colour)"}
    assert [space.num_examples for space in spaces.values()] == [6, 6]  # however many shards
    found.read(0)
    assert store.clean(0) == sum(space.size_bytes for space in spaces.values())
    assert list(store.root.iterdir()) == []
    np.testing.assert_array_equal(
        found.read(0), output_of(window_of(found.examples[0], 0)).astype("f2")
    )
    assert save(examples(6)).num_computed == 6


def test_a_description_that_was_lost_is_written_again(save: Save, store: FeatureStore) -> None:
    save(examples(2))
    (described,) = store.root.glob("*/space.json")
    described.unlink()
    assert save(examples(3)).num_computed == 1
    assert described.is_file()


def test_a_cache_that_is_cleaned_meanwhile_is_explained(
    save: Save, store: FeatureStore, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(examples(2))

    def cleaning(windows: Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.float32]]:
        store.clean(0)
        return whole_fake().run(windows)

    monkeypatch.setattr(fake, "run", cleaning)
    with pytest.raises(StoreError, match=r"0\.png are no longer in .* Run again"):
        save(examples(3))


# ------------------------------------------------------------------ before the first block


def test_before_the_first_block_the_pixels_are_saved(store: FeatureStore) -> None:
    given = examples(4)
    found = save_activations(
        given, fake_backbone(), None, augment=AUGMENT, num_views=2, store=store
    )
    assert (found.num_computed, found.read(0).dtype, found.shape(0)) == (8, np.uint8, (8, 8, 3))
    for i, one in enumerate(given):
        for view in (0, 1):
            np.testing.assert_array_equal(found.read(i, view), window_of(one, view))
    # they depend on no network: another one of the same input has them too
    other = save_activations(given, fake_backbone("other"), None, store=store)
    assert other.num_computed == 0


def test_before_the_first_block_no_framework_is_loaded(store: FeatureStore) -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.features.fake import examples\n"
        "from topwork.executors.fake import fake_backbone\n"
        "from topwork.features.activations import save_activations\n"
        "from topwork.features.store import FeatureStore\n"
        "store = FeatureStore(Path(sys.argv[1]))\n"
        "found = save_activations(examples(3), fake_backbone(), None, augment=('flip',),\n"
        "                         num_views=2, store=store)\n"
        "assert found.read(2, 1).shape == (8, 8, 3)\n"
        "assert not {'torch', 'openvino', 'timm'} & set(sys.modules), sys.modules.keys()\n"
    )
    root = ROOT
    subprocess.run([sys.executable, "-c", code, str(store.root)], check=True, cwd=root)


def sound_example(number: int, num_samples: int) -> Example:
    samples = small.tone(300, num_samples / small.RATE_HZ, seed=number)[:num_samples]
    return Example(
        name=f"{number}.wav",
        digest=f"{number:064x}",
        read=lambda: Sound(samples=samples, rate_hz=small.RATE_HZ),
    )


def test_sounds_keep_their_lengths_windows_and_weights(store: FeatureStore) -> None:
    network = small.tiny_sound_backbone()
    given = [sound_example(0, 800), sound_example(1, 19000), sound_example(2, 2000)]
    inputs = save_activations(given, network, None, store=store)
    assert [inputs.num_windows(i) for i in range(3)] == [1, 3, 1]
    assert [inputs.shape(1, w) for w in range(3)] == [(8000,), (8000,), (3200,)]
    assert inputs.read(0).dtype == np.float32
    found = save_activations(
        given, network, "2", augment=("gain",), num_views=2, store=store, device="torch"
    )
    assert found.num_computed == 10
    for i, one in enumerate(given):
        windows = list(views_of(one, (0, 1), network.input, ("gain",)))
        expected = whole_outputs(network, "2", windows)
        num = found.num_windows(i)
        assert [found.weight(i, w) for w in range(num)] == [float(len(w)) for w in windows[:num]]
        for view in (0, 1):
            for w in range(num):
                assert found.shape(i, w) == expected[view * num + w].shape
                close(found.read(i, view, w), expected[view * num + w])


def test_a_sound_that_breaks_off_is_skipped_whole(store: FeatureStore) -> None:
    def broken() -> Sound:
        samples = np.zeros(40_000, np.float32)
        samples[-1] = np.nan
        return Sound(samples=samples, rate_hz=small.RATE_HZ)

    given = [Example(name="bad.wav", digest="f" * 64, read=broken), sound_example(1, 2000)]
    found = save_activations(given, small.tiny_sound_backbone(), None, store=store)
    assert [(s.name, "not finite" in s.reason) for s in found.skipped] == [("bad.wav", True)]
    assert len(found.examples) == 1


def test_hours_of_sound_are_decoded_as_they_are_taken() -> None:
    preprocessing = small.tiny_sound_backbone().input
    one = sound_example(0, 8000 * 40)
    windows = views_of(one, (0,), preprocessing, ())
    assert not isinstance(windows, list)
    again = list(views_of(one, (0, 1), preprocessing, ("gain",)))
    assert len(again) == 2 * len(list(windows)) == 80


def test_texts_keep_their_lengths(store: FeatureStore, tmp_path: Path) -> None:
    network = small.tiny_text_backbone()
    texts = [text for own in small.TOPICS.values() for text in own] + ["rain " * 100]
    given = [
        Example(name=str(i), digest=f"{i:064x}", read=lambda text=text: text)
        for i, text in enumerate(texts)
    ]
    inputs = save_activations(given, network, None, store=store)
    assert (inputs.read(0).dtype, inputs.num_windows(len(texts) - 1)) == (np.int64, 4)
    found = save_activations(given, network, "1", store=store, device="cpu")
    for i, text in enumerate(texts):
        windows = text_windows(text, network.input)
        expected = whole_outputs(network, "1", windows)
        for w, window in enumerate(windows):
            np.testing.assert_array_equal(inputs.read(i, 0, w), window)
            assert found.weight(i, w) == len(window)
            close(found.read(i, 0, w), expected[w])


def whole_outputs(network: Any, block: str, windows: list[npt.NDArray[Any]]) -> list[Any]:
    cut = until(network, block).build().module
    with torch.inference_mode():
        return [cut(torch.from_numpy(w[None]))[0].numpy() for w in windows]


def close(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> None:
    assert np.abs(found - wanted).max() <= 2e-3 * np.abs(wanted).max()  # float16 has 11 bits


def test_runs_of_many_lengths_are_bounded(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut_module, "RUN_WINDOWS", 3)
    monkeypatch.setattr(cut_module, "RUN_BYTES", 1)
    runs: list[int] = []

    class Counting(Executor):
        precision = device = "f32"
        segments = (Segment(block="1", pool=WHOLE, size=12),)

        def run(self, windows: Iterable[npt.NDArray[Any]]) -> Iterator[npt.NDArray[np.float32]]:
            taken = list(windows)
            runs.append(len(taken))
            yield from (window[:, None].astype(np.float32) for window in taken)

    monkeypatch.setattr(cut_module, "open_executor", lambda *a, **k: Counting())
    given = [
        Example(name=str(i), digest=f"{i:064x}", read=lambda i=i: "rain " * (i + 1))
        for i in range(10)
    ]
    found = save_activations(given, small.tiny_text_backbone(), "1", store=store, device="cpu")
    assert runs == [4, 4, 2]
    assert [found.shape(i)[0] for i in range(10)] == [i + 3 for i in range(10)]


def test_a_real_network_of_images(store: FeatureStore, digits: Path) -> None:
    network = get_backbone(small.SMALL)
    given = [
        Example(name=p.name, digest=f"{i:064x}", read=p.read_bytes)
        for i, p in enumerate(sorted(digits.rglob("*.png"))[:3])
    ]
    block = network.build().blocks[3]
    fast = save_activations(given, network, block, store=store, device="cpu")
    other = FeatureStore(store.root / "other")
    slow = save_activations(given, network, block, store=other, device="torch")
    for i in range(3):
        close(fast.read(i), slow.read(i))


def test_a_module_of_arrays(store: FeatureStore) -> None:
    from topwork.examples.arrays.preprocessing import ArrayInput

    network = from_module(
        torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU()),
        blocks=["0", "1"],
        input=ArrayInput(shape=(2, 5)),
        layout="NCL",
    )
    content = np.arange(10.0).reshape(2, 5)
    given = [Example(name="0", digest="0" * 64, read=lambda: content)]
    found = save_activations(given, network, "0", store=store, device="torch")
    close(found.read(0), whole_outputs(network, "0", [content.astype(np.float32)])[0])
