"""Workbooks of Excel, written by hand."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OF = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"


def write_workbook(path: Path, sheets: dict[str, str], texts: Sequence[str] = ()) -> Path:
    """Write sheets, each the XML of its rows, and the texts that their cells share."""
    places = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{place}" r:id="r{place}"/>'
        for place, name in zip(places, sheets, strict=True)
    )
    relations = "".join(
        f'<Relationship Id="r{place}" Type="{_OF}/worksheet" Target="worksheets/sheet{place}.xml"/>'
        for place in places
    )
    relations += f'<Relationship Id="t" Type="{_OF}/sharedStrings" Target="sharedStrings.xml"/>'
    shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
    members = {
        "[Content_Types].xml": f'<Types xmlns="{_TYPES}"/>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r" '
        f'Type="{_OF}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OF}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">{relations}'
        "</Relationships>",
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{shared}</sst>',
    }
    for place, rows in zip(places, sheets.values(), strict=True):
        members[f"xl/worksheets/sheet{place}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
        )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, xml in members.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{xml}')
    return path


def row(number: int, *values: object) -> str:
    """One row: texts, numbers and truths; None leaves a cell out."""
    cells = []
    for place, value in enumerate(values):
        name = f"{'ABCDEFGH'[place]}{number}"
        if isinstance(value, bool):
            cells.append(f'<c r="{name}" t="b"><v>{int(value)}</v></c>')
        elif isinstance(value, int | float):
            cells.append(f'<c r="{name}"><v>{value}</v></c>')
        elif value is not None:
            text = f"<is><t>{escape(str(value))}</t></is>"
            cells.append(f'<c r="{name}" t="inlineStr">{text}</c>')
    return f'<row r="{number}">{"".join(cells)}</row>'
