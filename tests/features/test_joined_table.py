"""Features of several networks side by side read as those of each, and as one array."""

import numpy as np
import pytest

from tests.features.fake import example, examples
from topwork.backbones.joined import join_backbones
from topwork.examples.views import ViewSettings
from topwork.executors.base import Segment
from topwork.executors.fake import IMAGES, FakeExecutor, fake_backbone
from topwork.features import extract as module
from topwork.features.extract import extract
from topwork.features.joined_table import JoinedTable
from topwork.features.store import FeatureStore
from topwork.features.stream import stream_networks
from topwork.features.table import ArrayTable, FeatureTable

POOLS = ("mean", "std")
ONE, TWO = fake_backbone("one"), fake_backbone("two")
BOTH = join_backbones([ONE, TWO])
SEGMENTS = {
    "one": (Segment(block="a", pool="mean", size=3), Segment(block="b", pool="mean", size=2)),
    "two": (Segment(block="a", pool="mean", size=4),),
}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each network has segments of its own; the second one finds dark pictures unreadable."""
    names: list[str] = []

    def open_fake(backbone: object, **_: object) -> FakeExecutor:
        name = str(getattr(backbone, "name", ""))
        names.append(name)
        width = sum(one.size for one in SEGMENTS[name])

        def compute(window: np.ndarray) -> np.ndarray:
            if name == "two" and window.max() == 0:
                return np.full(width, np.nan, np.float32)
            return window.ravel()[:width].astype(np.float32) + 1000 * (name == "two")

        return FakeExecutor(SEGMENTS[name], compute=compute)

    monkeypatch.setattr(module, "open_executor", open_fake)
    return names


def dark() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (IMAGES.size, IMAGES.size)).save(out, "PNG")
    return out.getvalue()


def test_a_joined_table_reads_as_one_array() -> None:
    rng = np.random.default_rng(0)
    parts = [
        ArrayTable(rng.normal(size=(7, sum(s.size for s in own))).astype(np.float32), own)
        for own in SEGMENTS.values()
    ]
    names = [Segment(block=f"{n}: {s.block}", pool=s.pool, size=s.size)
             for n, own in SEGMENTS.items() for s in own]  # fmt: skip
    table: FeatureTable = JoinedTable(parts, names)
    whole = ArrayTable(np.concatenate([part.matrix for part in parts], 1), names)
    for chosen in ([0], [2], [0, 1, 2], [2, 0], [1, 2, 0, 1]):
        for rows in ([0, 3, 6], [5], [2, 2, 1]):
            at = np.array(rows)
            np.testing.assert_array_equal(table.read(at, chosen), whole.read(at, chosen))
    assert table.networks == (("one: a", "one: b"), ("two: a",))
    assert parts[0].networks == (("a", "b"),)


def test_what_both_can_take_is_joined_row_by_row(opened: list[str], store: FeatureStore) -> None:
    given = [*examples(4), example("dark.png", dark()), example("broken.png", b"nothing")]
    found = extract(given, BOTH, pools=POOLS, store=store)
    assert [one.name for one in found.examples] == ["0.png", "1.png", "2.png", "3.png"]
    assert found.indices.tolist() == [0, 1, 2, 3]
    assert {one.name for one in found.skipped} == {"dark.png", "broken.png"}
    apart = [extract(given[:4], one, pools=POOLS, store=store) for one in (ONE, TWO)]
    rows = np.arange(4)
    expected = np.concatenate(
        [one.table.read(rows, range(len(one.table.segments))) for one in apart], 1
    )
    np.testing.assert_array_equal(found.table.read(rows, range(3)), expected)
    memory = found.table.in_memory()
    np.testing.assert_array_equal(memory.read(rows, range(3)), expected)
    assert found.table.in_memory(max_bytes=0) is found.table
    assert found.space not in {one.space for one in apart}


def test_each_network_keeps_its_own_features(opened: list[str], store: FeatureStore) -> None:
    extract(examples(3), ONE, pools=POOLS, store=store)
    both = extract(examples(3), BOTH, pools=POOLS, store=store)
    assert opened == ["one", "two"]
    assert (both.num_found, both.num_computed) == (0, 3)
    again = extract(examples(3), BOTH, pools=POOLS, store=store)
    assert (again.num_found, again.num_computed) == (3, 0)
    assert opened == ["one", "two"]


@pytest.mark.usefixtures("opened")
def test_views_stay_with_their_examples(store: FeatureStore) -> None:
    views = ViewSettings(augment=("shift",), num_views=3)
    given = [examples(1)[0], example("dark.png", dark()), *examples(2, first=1)]
    found = extract(given, BOTH, pools=POOLS, views=views, store=store)
    assert found.views is not None
    assert found.views.shape == (3, 2)
    rows = np.concatenate([np.arange(3), found.views.ravel()])
    assert found.table.num_rows == len(rows)
    parts = []
    for one, own in ((ONE, [0, 1]), (TWO, [2])):
        alone = extract([given[i] for i in (0, 2, 3)], one, pools=POOLS, views=views, store=store)
        parts.append(alone.table.read(rows, range(len(own))))
    np.testing.assert_array_equal(found.table.read(rows, range(3)), np.concatenate(parts, 1))
    joined = found.table.take(np.array([2, 0])).followed_by(found.table.take(np.array([1])))
    np.testing.assert_array_equal(
        joined.read(np.arange(3), range(3)), found.table.read(np.array([2, 0, 1]), range(3))
    )


@pytest.mark.usefixtures("opened")
def test_a_stream_gives_what_was_extracted(store: FeatureStore) -> None:
    given = [*examples(5), example("broken.png", b"nothing"), *examples(2, first=5)]
    executors = [module.open_executor(one, pools=POOLS) for one in BOTH.networks]
    streamed = list(stream_networks(iter(given), executors, BOTH))
    assert [position for position, _ in streamed] == list(range(8))
    found = extract(given, BOTH, pools=POOLS, store=store)
    vectors = [one for i, (_, one) in enumerate(streamed) if i != 5]
    np.testing.assert_allclose(
        np.stack([np.asarray(one) for one in vectors]),
        found.table.read(np.arange(7), range(3)),
        rtol=1e-3,
    )
