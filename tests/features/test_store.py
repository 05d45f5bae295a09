import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.features.fake import POOLS, examples
from topwork.core import files, leftovers
from topwork.errors import StoreError
from topwork.executors.fake import FakeExecutor, fake_backbone
from topwork.features.extract import extract
from topwork.features.store import FeatureStore

pytestmark = pytest.mark.usefixtures("opened")


def folders(store: FeatureStore) -> list[Path]:
    return [store.root / info.key for info in store.spaces()]


def used(folder: Path, seconds_ago: float) -> None:
    at = time.time() - seconds_ago
    os.utime(folder / "last_used", (at, at))


def test_the_default_root_is_in_the_cache(cache: Path) -> None:
    assert FeatureStore().root == cache / "features"


def test_spaces_are_listed_the_last_used_first(store: FeatureStore) -> None:
    assert store.spaces() == []
    extract(examples(3), fake_backbone("one"), pools=POOLS, store=store)
    extract(examples(5), fake_backbone("two"), pools=POOLS, store=store)
    one, two = sorted(store.spaces(), key=lambda info: info.backbone)
    used(store.root / two.key, 60)
    assert [info.backbone for info in store.spaces()] == ["one", "two"]
    assert (one.num_examples, two.num_examples) == (3, 5)
    assert one.size_bytes == sum(
        path.stat().st_size for path in (store.root / one.key).glob("*.safetensors")
    )
    assert abs((datetime.now(UTC) - one.last_used).total_seconds()) < 60


def test_use_makes_a_space_the_last_used(store: FeatureStore) -> None:
    for name in ("one", "two"):
        extract(examples(2), fake_backbone(name), pools=POOLS, store=store)
    for folder in folders(store):
        used(folder, 1000)
    extract(examples(2), fake_backbone("one"), pools=POOLS, store=store)
    assert store.spaces()[0].backbone == "one"


def test_other_settings_are_another_space(store: FeatureStore) -> None:
    keys = {
        store.space(settings, backbone="x").folder
        for settings in ({"pools": ["a", "b"]}, {"pools": ["b", "a"]}, {"pools": []})
    }
    assert len(keys) == 3


def test_cleaning_removes_the_least_recently_used_first(store: FeatureStore) -> None:
    for name in ("one", "two", "three"):
        extract(examples(2), fake_backbone(name), pools=POOLS, store=store)
    for seconds_ago, folder in enumerate(folders(store), start=1):  # three, two, one
        used(folder, seconds_ago * 100)
    sizes = {info.backbone: info.size_bytes for info in store.spaces()}
    total = sum(sizes.values())
    assert store.clean(total) == 0
    assert store.clean(total - 1) == sizes["one"]
    assert [info.backbone for info in store.spaces()] == ["three", "two"]
    assert store.clean(0) == sizes["two"] + sizes["three"]
    assert list(store.root.iterdir()) == []
    assert store.clean(0) == 0


def test_cleaning_within_a_space_takes_the_oldest_shard(store: FeatureStore) -> None:
    for count in (2, 4):
        extract(examples(count), fake_backbone(), pools=POOLS, store=store)
    (folder,) = folders(store)
    old, new = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
    os.utime(old, (1, 1))
    store.clean(new.stat().st_size)
    assert list(folder.glob("*.safetensors")) == [new]
    assert extract(examples(4), fake_backbone(), pools=POOLS, store=store).num_computed == 2


def test_cleaning_touches_nothing_else(store: FeatureStore, tmp_path: Path) -> None:
    extract(examples(2), fake_backbone(), pools=POOLS, store=store)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.safetensors").write_bytes(b"mine")
    (store.root / ("e" * 64)).symlink_to(outside, target_is_directory=True)
    (store.root / "notes").mkdir()
    (store.root / "notes" / "mine.safetensors").write_bytes(b"mine")
    being_written = folders(store)[0] / ".x.part"
    being_written.write_bytes(b"")
    store.clean(0)
    assert (outside / "mine.safetensors").exists()
    assert (store.root / "notes" / "mine.safetensors").exists()
    assert being_written.exists()


def test_cleaning_while_a_table_is_read(store: FeatureStore) -> None:
    table = extract(examples(2), fake_backbone(), pools=POOLS, store=store).table
    memory = table.in_memory()
    store.clean(0)
    assert len(memory.read(np.arange(2), [0])) == 2
    with pytest.raises(StoreError, match="cleaned meanwhile"):
        table.read(np.arange(2), [0])


def test_a_disk_that_refuses_to_remove(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(examples(2), fake_backbone(), pools=POOLS, store=store)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StoreError, match=r"Removing .* failed: Permission denied"):
        store.clean(0)


def test_temporary_files_of_killed_processes_go_when_a_space_is_opened(store: FeatureStore) -> None:
    extract(examples(2), fake_backbone(), pools=POOLS, store=store)
    (folder,) = folders(store)
    left, filled = (folder / f".a.safetensors.abcdefg{n}.part" for n in (1, 2))
    for path in (left, filled):
        path.write_bytes(b"half a shard")
    lock = leftovers.lock(filled)
    assert lock is not None
    extract(examples(2), fake_backbone(), pools=POOLS, store=store)
    assert not left.exists()  # of a killed process, however young it is
    assert filled.exists()
    os.close(lock)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"settings": {}, "blocks": []}'])
def test_a_damaged_description_is_made_anew(
    store: FeatureStore,
    opened: list[FakeExecutor],
    caplog: pytest.LogCaptureFixture,
    text: str,
) -> None:
    before = extract(examples(3), fake_backbone(), pools=POOLS, store=store)
    path = folders(store)[0] / "space.json"
    good = path.read_bytes()
    path.write_text(text, encoding="utf-8")
    assert store.spaces()[0].backbone == "unknown"
    with caplog.at_level(logging.WARNING):
        after = extract(examples(3), fake_backbone(), pools=POOLS, store=store)
    assert "made anew" in caplog.text
    assert (after.num_found, after.num_computed, after.device) == (3, 0, None)
    assert path.read_bytes() == good
    assert len(opened) == 2
    assert list(before.table.segments) == list(after.table.segments)


def test_a_lost_description_is_made_anew(store: FeatureStore) -> None:
    extract(examples(3), fake_backbone(), pools=POOLS, store=store)
    (folders(store)[0] / "space.json").unlink()
    assert extract(examples(3), fake_backbone(), pools=POOLS, store=store).num_found == 3


def test_a_store_that_can_only_be_read_serves(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(examples(3), fake_backbone(), pools=POOLS, store=store)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(files, "replacing", refuse)
    assert extract(examples(3), fake_backbone(), pools=POOLS, store=store).num_found == 3
