"""Packages of a backbone.

A folder that `pip install` takes: the weights, what is said of them, and no code. What is packed
on a machine with a network is installed on one without.

pyproject.toml        names the package, and by an entry point the backbone in it
README.md             the model card
SHA256SUMS            of all other files
<module>/             the backbone, as `write_backbone` writes it
"""

from __future__ import annotations

import re
from pathlib import Path

from topwork.backbones.base import Backbone
from topwork.backbones.installed import GROUP
from topwork.backbones.saved.folder import README, write_backbone
from topwork.core import files
from topwork.core.digests import digest_file
from topwork.core.extras import need
from topwork.errors import BackboneError, SettingError

PREFIX = "topwork-backbone-"
PROJECT, SUMS, INIT = "pyproject.toml", "SHA256SUMS", "__init__.py"
NAME = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)

TOML = """\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "{package}"
version = "1.0"
description = "A backbone for Topwork. Licence of the weights: {licence}"
readme = "README.md"

[project.entry-points."{group}"]
"{name}" = "{module}"

[tool.setuptools]
packages = ["{module}"]

[tool.setuptools.package-data]
{module} = ["*"]
"""


def pack_backbone(backbone: Backbone, out: Path, *, name: str | None = None) -> str:
    """Write a package of a backbone, whole or not at all, and return what it is called there.

    Args:
        backbone: a published one, or one of a folder; with its options, which are kept.
        out: a folder that is not there yet, or is empty.
        name: what is typed to have it; None: the last part of its own name, without options.

    Raises:
        SettingError: the name has other signs than letters, digits, `.`, `_` and `-`.
        BackboneError: the folder is taken; or it is a module of the user's own, or several
            networks.
        ExtraError: PyTorch is not installed.
        StoreError: the disk is full, or the place cannot be written to.
    """
    need("torch", "Packing a backbone")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise BackboneError(
            f"{str(out)!r} is there already. Nothing in it was touched. Give the name of a folder "
            "that is not there yet."
        )
    if name is None:
        name = re.split(r"[/\\]", backbone.name.partition("?")[0])[-1]
    if not NAME.fullmatch(name):
        raise SettingError(
            f"The name is {name!r}; accepted: letters, digits, '.', '_' and '-'. Say what the "
            "backbone is to be called: --name."
        )
    module = re.sub(r"\W", "_", f"{PREFIX}{name}").lower()
    state = backbone.build().module.state_dict()
    with (
        files.disk_errors(f"Writing the package to {str(out)!r}"),
        files.replacing_folder(out.absolute()) as new,
    ):
        write_backbone(new / module, backbone, state, card=backbone.card, name=name, report={})
        (new / module / README).rename(new / README)
        (new / module / INIT).write_text(f'"""The backbone {name}, for Topwork."""\n')
        project = TOML.format(
            package=f"{PREFIX}{name}".lower(), name=name, module=module, group=GROUP,
            licence=re.sub(r'["\\\s]+', " ", backbone.card.licence),
        )  # fmt: skip
        (new / PROJECT).write_text(project, encoding="utf-8")
        whole = sorted(path for path in new.rglob("*") if path.is_file())
        sums = [f"{digest_file(path)}  {path.relative_to(new).as_posix()}\n" for path in whole]
        (new / SUMS).write_text("".join(sums), encoding="utf-8")
    return name
