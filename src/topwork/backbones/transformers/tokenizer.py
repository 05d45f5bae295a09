"""Tokenizers as one tokenizer.json."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from topwork.backbones.repository import Repository
from topwork.core import files
from topwork.core.digests import digest_file, digest_settings
from topwork.core.extras import need
from topwork.core.sealed import read_sealed, write_sealed
from topwork.errors import BackboneError, WeightsError
from topwork.examples.texts.preprocessing import TOKENIZER

OLDER = (
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model"),
    *("tokenizer.model", "spm.model", "bpe.codes"),
)
"""What the tokenizers of transformers are kept in, where there is no tokenizer.json."""


def find_tokenizer(repository: Repository) -> Path:
    """Return the tokenizer.json, its own or one made of older files and kept in the cache.

    Raises:
        WeightsError: there is neither.
        BackboneError: transformers cannot make one.
    """
    own = repository.find(TOKENIZER)
    if own is not None:
        return own
    found = {name: path for name in OLDER if (path := repository.find(name)) is not None}
    if not set(found) - set(OLDER[:4]):
        raise WeightsError(
            f"The backbone {repository.name!r} has no tokenizer: neither {TOKENIZER} nor any of "
            f"{', '.join(OLDER[4:])}. Fetch the whole repository: `hf download "
            "<organisation>/<model> --local-dir <folder>`."
        )
    digest = digest_settings({name: digest_file(path) for name, path in found.items()})
    kept = files.cache_folder() / "tokenizers" / digest / TOKENIZER
    seal = kept.with_name("sha256")  # of what was made: its bytes are read by others
    if not kept.is_file() or read_sealed(seal) != digest_file(kept).encode():
        with files.disk_errors(f"Keeping the tokenizer of {repository.name!r}"):
            files.write_bytes(kept, _convert(found, repository.name))
            write_sealed(seal, digest_file(kept).encode())
    return kept


def _convert(found: dict[str, Path], name: str) -> bytes:
    config = found.get("tokenizer_config.json")
    if config is not None and "auto_map" in json.loads(config.read_text(encoding="utf-8")):
        raise BackboneError(
            f"The tokenizer of {name!r} needs code that comes with it (auto_map in its "
            f"tokenizer_config.json), and Topwork runs no code that it loads. Put a {TOKENIZER} "
            "beside it."
        )
    need("transformers", f"The tokenizer of {name!r}, which is in an older form,")
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        for file, path in found.items():
            shutil.copyfile(path, Path(folder) / file)
        try:
            made = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            text: str = made.backend_tokenizer.to_str()
        except (OSError, ValueError, AttributeError, ImportError, KeyError, TypeError) as error:
            raise BackboneError(
                f"The tokenizer of {name!r} cannot be made a {TOKENIZER} of: "
                f"{' '.join(str(error).split())[:300]}. Take a repository that has one."
            ) from error
    return text.encode()


def starts_with_special(tokenizer: Path) -> bool:
    """Whether it puts a token of its own in front of a text."""
    from tokenizers import Tokenizer

    reader = Tokenizer.from_file(str(tokenizer))
    reader.no_padding()
    marks = reader.encode("a").special_tokens_mask
    return bool(marks and marks[0])
