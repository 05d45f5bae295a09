"""Writes the features of a data set as one .npz, which is what head.py reads.

It holds `matrix` [N, D] in float16, `labels` [N], and the segments as `blocks`, `pools`, `sizes`.
"""

from __future__ import annotations

from pathlib import Path

from common import Figure, make_parser, own_cache, report


def main() -> None:
    """Extract and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--set", default="sign-digits", help="the data set's folder or table")
    parser.add_argument("--out", type=Path, default=Path("features.npz"))
    arguments = parser.parse_args()
    with own_cache():
        shape = write(arguments.data / arguments.set, arguments.out)
    figures = [
        Figure(name=name, measured=count, form=",.0f")
        for name, count in zip(("examples", "numbers each"), shape, strict=True)
    ]
    report(f"Features of {arguments.set} in {arguments.out}", figures, as_json=arguments.json)


def write(source: Path, out: Path) -> tuple[int, ...]:
    """Compute the features as `train` would, and return the shape of the matrix."""
    import numpy as np

    from topwork.backbones.registry import get_backbone
    from topwork.examples.sources import read_examples
    from topwork.features.extract import default_pools, extract

    found = read_examples(source)
    backbone = get_backbone("efficientnet-lite0")
    extraction = extract(found.examples, backbone, pools=default_pools(len(found), "image"))
    table = extraction.table
    matrix = np.concatenate([rows.astype(np.float16) for rows in table.iter_chunks(256)])
    if not np.isfinite(matrix).all():
        raise RuntimeError(f"features of {source} do not fit into float16")
    np.savez(
        out,
        matrix=matrix,
        labels=np.array([example.label for example in extraction.examples]),
        blocks=np.array([segment.block for segment in table.segments]),
        pools=np.array([segment.pool for segment in table.segments]),
        sizes=np.array([segment.size for segment in table.segments]),
    )
    return matrix.shape


if __name__ == "__main__":
    main()
