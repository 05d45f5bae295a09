import errno
import hashlib
import logging
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from tests.features.fake import POOLS, example, examples, png
from tests.small import ROOT
from topwork.core import files, progress
from topwork.core.progress import listening
from topwork.errors import ExampleError, SettingError, StoreError
from topwork.examples.example import Example
from topwork.examples.images.decode import decode_image
from topwork.examples.views import ViewSettings, views_of
from topwork.executors.fake import IMAGES, FakeExecutor, fake_backbone, fake_vector
from topwork.features import writer
from topwork.features.extract import Extraction, default_pools, extract
from topwork.features.store import FeatureStore

BROKEN = example("broken.png", b"not an image")


def values(extraction: Extraction) -> np.ndarray:
    table = extraction.table
    return table.read(np.arange(table.num_rows), range(len(table.segments)))


def as_stored(one: Example) -> np.ndarray:
    vector = fake_vector(decode_image(one.read(), IMAGES))
    vector[:8] = vector[:8].astype(np.float16)
    return vector


def stored_digests(store: FeatureStore) -> list[bytes]:
    from safetensors import safe_open

    found = []
    for path in store.root.glob("*/*.safetensors"):
        with safe_open(path, "np") as file:
            found += [row.tobytes() for row in file.get_tensor("examples")]
    return found


def test_default_pools_shrink_with_the_number_of_examples() -> None:
    assert default_pools(50_000, "image") == ("mean", "std", "max", "grid3", "prefix")
    assert default_pools(50_001, "image") == ("mean", "prefix", "last")
    assert default_pools(10, "text") == ("mean", "max", "prefix", "last")


def test_rows_are_what_was_stored_in_the_order_given(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    given = examples(7)
    first = extract(given, fake_backbone(), pools=POOLS, store=store)
    assert first.examples == tuple(given)
    assert (first.num_computed, first.num_found, first.device) == (7, 0, "a fake")
    np.testing.assert_array_equal(values(first), np.array([as_stored(one) for one in given]))
    dtypes = {block.name: block.dtype for block in first.table.layout.blocks}
    assert dtypes == {"large": "float16", "small": "float32"}

    again = extract(given[::-1], fake_backbone(), pools=POOLS, store=store)
    assert (again.num_computed, again.num_found, again.device) == (0, 7, None)
    assert len(opened) == 1
    np.testing.assert_array_equal(values(again), values(first)[::-1])


def test_only_what_is_new_is_computed(
    store: FeatureStore, opened: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SHARD_EXAMPLES", 4)
    extract(examples(10), fake_backbone(), pools=POOLS, store=store)
    more = extract(examples(13), fake_backbone(), pools=POOLS, store=store)
    assert (more.num_computed, more.num_found) == (3, 10)
    assert opened[1].num_run == 3
    assert len(list(store.root.glob("*/*.safetensors"))) == 4
    assert len(set(stored_digests(store))) == len(stored_digests(store)) == 13
    expected = np.array([as_stored(one) for one in examples(13)])
    np.testing.assert_array_equal(values(more), expected)


def test_equal_contents_are_computed_once(store: FeatureStore, opened: list[FakeExecutor]) -> None:
    one, two = examples(2)
    again = example("copy of 0.png", png(0))
    told: list[tuple[str, int, int]] = []
    with listening(lambda *step: told.append(step)):
        both = extract([one, two, again, BROKEN, BROKEN], fake_backbone(), pools=POOLS, store=store)
    assert (both.num_computed, both.num_found) == (2, 0)
    assert [e.name for e in both.examples] == ["0.png", "1.png", "copy of 0.png"]
    assert [s.name for s in both.skipped] == ["broken.png", "broken.png"]
    np.testing.assert_array_equal(values(both)[0], values(both)[2])
    assert told[-1] == ("features", 5, 5)
    found = extract([one, two, again], fake_backbone(), pools=POOLS, store=store)
    assert (found.num_computed, found.num_found) == (0, 3)


def test_broken_ones_are_skipped_and_take_no_place(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    one, two = examples(2)
    result = extract([BROKEN, one, two], fake_backbone(), pools=POOLS, store=store)
    assert result.examples == (one, two)
    assert result.skipped[0].name == "broken.png"
    assert "it is not an image" in result.skipped[0].reason
    assert len(values(result)) == len(stored_digests(store)) == 2


def test_nothing_but_broken_ones_opens_no_network(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    result = extract([BROKEN], fake_backbone(), pools=POOLS, store=store)
    assert (result.examples, len(result.skipped), result.table.num_rows) == ((), 1, 0)
    assert result.device is None
    assert opened == []
    assert extract([], fake_backbone(), pools=POOLS, store=store).table.num_rows == 0


def test_strict_names_the_first_and_keeps_what_went_before(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    given = [*examples(6), BROKEN]
    with pytest.raises(ExampleError, match=r"^broken\.png: it is not an image"):
        extract(given, fake_backbone(), pools=POOLS, store=store, strict=True)
    assert len(stored_digests(store)) == 6


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_was_computed_is_kept_whatever_happens(
    store: FeatureStore,
    opened: list[FakeExecutor],
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    monkeypatch.setattr(writer, "SHARD_EXAMPLES", 20)

    def stop(stage: str, done: int, total: int) -> None:
        if done >= 48:
            raise error

    with pytest.raises(error), listening(stop):
        extract(examples(60), fake_backbone(), pools=POOLS, store=store)
    assert len(stored_digests(store)) == 48
    rest = extract(examples(60), fake_backbone(), pools=POOLS, store=store)
    assert (rest.num_found, rest.num_computed) == (48, 12)
    expected = np.array([as_stored(one) for one in examples(60)])
    np.testing.assert_array_equal(values(rest), expected)


def test_progress_is_told_every_sixteen_examples(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    told: list[tuple[str, int, int]] = []
    with listening(lambda *step: told.append(step)):
        extract(examples(40), fake_backbone(), pools=POOLS, store=store)
    assert told == [("features", done, 40) for done in (0, 16, 32, 40)]


def test_progress_is_told_every_second(
    store: FeatureStore, opened: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.0)
    told: list[int] = []
    with listening(lambda _stage, done, _total: told.append(done)):
        extract(examples(3), fake_backbone(), pools=POOLS, store=store)
    assert told == [0, 1, 2, 3]


@pytest.mark.parametrize("damage", ["truncate", "empty", "swap"])
def test_a_damaged_shard_is_computed_anew(
    store: FeatureStore,
    opened: list[FakeExecutor],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    monkeypatch.setattr(writer, "SHARD_EXAMPLES", 4)
    before = values(extract(examples(8), fake_backbone(), pools=POOLS, store=store))
    one, two = sorted(store.root.glob("*/*.safetensors"))
    data = {"truncate": one.read_bytes()[:-1], "empty": b"", "swap": two.read_bytes()}[damage]
    one.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        after = extract(examples(8), fake_backbone(), pools=POOLS, store=store)
    assert "is damaged" in caplog.text
    assert "computed anew" in caplog.text
    assert (after.num_found, after.num_computed) == (4, 4)
    np.testing.assert_array_equal(values(after), before)


def test_an_altered_description_is_made_anew(
    store: FeatureStore, opened: list[FakeExecutor], caplog: pytest.LogCaptureFixture
) -> None:
    extract(examples(4), fake_backbone(), pools=POOLS, store=store)
    (path,) = store.root.glob("*/space.json")
    path.write_text(path.read_text().replace('"large"', '"other"'), encoding="utf-8")
    after = extract(examples(4), fake_backbone(), pools=POOLS, store=store)
    assert after.num_found == 4
    assert after.table.blocks == ("large", "small")
    assert "digest is not the one that was written" in caplog.text


def test_a_full_disk(
    store: FeatureStore, opened: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SHARD_EXAMPLES", 4)
    replacing, num_written = files.replacing, 0

    def full(path: Path) -> AbstractContextManager[Path]:
        nonlocal num_written
        num_written += path.suffix == ".safetensors"
        if num_written > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replacing(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "replacing", full)
        with pytest.raises(StoreError, match=r"failed: No space left.* run the"):
            extract(examples(40), fake_backbone(), pools=POOLS, store=store)
    assert len(stored_digests(store)) == 8
    rest = extract(examples(40), fake_backbone(), pools=POOLS, store=store)
    assert (rest.num_found, rest.num_computed) == (8, 32)


def test_a_full_disk_at_the_description_and_at_the_last_shard(
    store: FeatureStore, opened: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "replacing", full)
        with pytest.raises(StoreError, match="failed: No space left"):
            extract(examples(4), fake_backbone(), pools=POOLS, store=store)
    extract(examples(1), fake_backbone(), pools=POOLS, store=store)
    monkeypatch.setattr(files, "replacing", full)
    with pytest.raises(StoreError, match="failed: No space left"):
        extract(examples(4), fake_backbone(), pools=POOLS, store=store)


def test_an_error_is_not_hidden_by_a_full_disk(
    store: FeatureStore,
    opened: list[FakeExecutor],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    extract(examples(1), fake_backbone(), pools=POOLS, store=store)

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "replacing", full)
    with pytest.raises(ExampleError, match=r"broken\.png"):
        extract([*examples(3), BROKEN], fake_backbone(), pools=POOLS, store=store, strict=True)
    assert "The features computed last are lost" in caplog.text


def test_features_cleaned_away_during_the_run(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    extract(examples(2), fake_backbone(), pools=POOLS, store=store)

    def clean(stage: str, done: int, total: int) -> None:
        store.clean(0)

    with pytest.raises(StoreError, match=r"0\.png are no longer in .*Run again"), listening(clean):
        extract(examples(20), fake_backbone(), pools=POOLS, store=store)


def test_a_shard_holds_fewer_examples_of_many_numbers(
    store: FeatureStore, opened: list[FakeExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SHARD_BYTES", 200)  # a row takes 32 + 8 * 2 + 4 * 4 = 64
    extract(examples(7), fake_backbone(), pools=POOLS, store=store)
    assert len(list(store.root.glob("*/*.safetensors"))) == 3


def test_settings_that_are_not_known(store: FeatureStore) -> None:
    with pytest.raises(SettingError, match="The pools are"):
        extract(examples(1), fake_backbone(), pools=("median",), store=store)
    with pytest.raises(SettingError, match="The device is 'tpu'"):
        extract(examples(1), fake_backbone(), pools=POOLS, device="tpu", store=store)


def test_finding_everything_loads_no_framework(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    extract(examples(3), fake_backbone(), pools=POOLS, device="cpu", store=store)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.features.fake import POOLS, examples\n"
        "from topwork.executors.fake import fake_backbone\n"
        "from topwork.features.extract import extract\n"
        "from topwork.features.store import FeatureStore\n"
        "store = FeatureStore(Path(sys.argv[1]))\n"
        "found = extract(examples(3), fake_backbone(), pools=POOLS, device='cpu', store=store)\n"
        "assert found.num_found == 3\n"
        "assert not {'torch', 'openvino', 'timm'} & set(sys.modules), sys.modules.keys()\n"
    )
    root = ROOT
    subprocess.run([sys.executable, "-c", code, str(store.root)], check=True, cwd=root)


@pytest.mark.slow
def test_the_embedded_backbone(store: FeatureStore) -> None:
    from topwork.backbones.registry import get_backbone

    network = get_backbone("efficientnet-lite0?size=64")
    given = examples(5)
    pools = default_pools(5, "image")
    first = extract(given, network, pools=pools, device="cpu", store=store)
    assert first.device is not None
    again = extract(given[1:], network, pools=pools, device="cpu", store=store)
    assert (again.num_computed, again.num_found) == (0, 4)
    np.testing.assert_array_equal(values(again), values(first)[1:])
    assert {block.dtype for block in first.table.layout.blocks} == {"float16"}
    key = hashlib.sha256(b"".join(bytes.fromhex(one.digest) for one in given)).hexdigest()
    assert [path.stem for path in store.root.glob("*/*.safetensors")] == [key]


def test_views_follow_and_are_computed_once(
    store: FeatureStore, opened: list[FakeExecutor]
) -> None:
    given, augment = examples(5), ("rotate", "colour")
    first = extract(
        given,
        fake_backbone(),
        pools=POOLS,
        views=ViewSettings(augment=augment, num_views=4),
        store=store,
    )
    assert (first.num_computed, first.table.num_rows) == (5, 20)
    assert first.views is not None
    assert first.views.shape == (5, 3)
    plain = extract(given, fake_backbone(), pools=POOLS, store=store)
    assert plain.num_computed == 0, "the examples as they are belong to no alteration"
    assert plain.views is None
    np.testing.assert_array_equal(values(plain), values(first)[:5])
    fewer = extract(
        given[1:3],
        fake_backbone(),
        pools=POOLS,
        views=ViewSettings(augment=augment, num_views=3),
        store=store,
    )
    assert fewer.num_computed == 0
    assert fewer.views is not None
    np.testing.assert_array_equal(values(fewer)[fewer.views], values(first)[first.views[1:3, :2]])
    more = extract(
        given,
        fake_backbone(),
        pools=POOLS,
        views=ViewSettings(augment=augment, num_views=6),
        store=store,
    )
    assert (more.num_computed, opened[-1].num_run) == (5, 10)
    other = extract(
        given,
        fake_backbone(),
        pools=POOLS,
        views=ViewSettings(augment=("rotate",), num_views=2),
        store=store,
    )
    assert other.num_computed == 5
    assert other.space != more.space != plain.space
    assert "fake (rotate)" in {space.backbone for space in store.spaces()}


def test_a_view_is_what_training_sees(store: FeatureStore, opened: list[FakeExecutor]) -> None:
    one = examples(1)[0]
    found = extract(
        [one],
        fake_backbone(),
        pools=POOLS,
        views=ViewSettings(augment=("rotate",), num_views=3),
        store=store,
    )
    windows = views_of(one, (0, 1, 2), IMAGES, ("rotate",))
    expected = np.array([fake_vector(window) for window in windows])
    np.testing.assert_allclose(values(found), expected, rtol=1e-3)
    assert len(opened) == 1


def test_broken_ones_have_no_views(store: FeatureStore, opened: list[FakeExecutor]) -> None:
    given = [*examples(2), BROKEN]
    found = extract(
        given,
        fake_backbone(),
        pools=POOLS,
        views=ViewSettings(augment=("rotate",), num_views=3),
        store=store,
    )
    assert (found.table.num_rows, len(found.skipped)) == (6, 1)
    assert found.skipped[0].name == "broken.png"
    assert opened


@pytest.mark.parametrize(("augment", "num_views"), [((), 2), (("rotate",), 0), (("speed",), 2)])
def test_views_that_nothing_alters(
    store: FeatureStore, augment: tuple[str, ...], num_views: int
) -> None:
    with pytest.raises(SettingError, match="accepted"):
        extract(
            examples(2),
            fake_backbone(),
            pools=POOLS,
            views=ViewSettings(augment=augment, num_views=num_views),
            store=store,
        )
