"""The tokenizer of a folder: its own file, or one made of older files and kept."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from tests.backbones import folders
from topwork.backbones.repository import Repository
from topwork.backbones.transformers import tokenizer
from topwork.backbones.transformers.tokenizer import find_tokenizer
from topwork.errors import BackboneError, WeightsError


def repository(folder: Path) -> Repository:
    return Repository(name="tiny", folder=folder)


def write_older(folder: Path, **more: object) -> None:
    (folder / "vocab.txt").write_text("\n".join(folders.WORDS))
    said = {"tokenizer_class": "BertTokenizer", **more}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    (folder / "config.json").write_text('{"model_type": "bert"}')


def test_its_own_is_taken(tmp_path: Path) -> None:
    path = folders.write_tokenizer(tmp_path)
    assert find_tokenizer(repository(tmp_path)) == path


def test_one_is_made_of_older_files_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_older(tmp_path)
    made = find_tokenizer(repository(tmp_path))
    assert made.name == "tokenizer.json"
    assert Tokenizer.from_file(str(made)).encode("B a").ids == [2, 5, 4, 3]
    monkeypatch.setattr(tokenizer, "_convert", lambda *_: pytest.fail("made again"))
    assert find_tokenizer(repository(tmp_path)) == made


def test_none_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"'tiny' has no tokenizer.*tokenizer\.json"):
        find_tokenizer(repository(tmp_path))


def test_one_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    write_older(tmp_path, auto_map={"AutoTokenizer": ["evil.Tokenizer", None]})
    with pytest.raises(BackboneError, match="'tiny' needs code"):
        find_tokenizer(repository(tmp_path))


def test_one_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    write_older(tmp_path, tokenizer_class="LlamaTokenizer")
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "tokenizer.model").write_bytes(b"no such thing")
    with pytest.raises(BackboneError, match=r"'tiny' cannot be made a tokenizer\.json"):
        find_tokenizer(repository(tmp_path))
