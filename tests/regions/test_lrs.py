"""Vertices, rays and volumes of regions against lrs, another program with exact arithmetic, where it is installed (Debian: lrslib)."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import exactnn as xn
from exactnn.regions import Region
from tests.regions.test_count import trained_like

LRS = shutil.which("lrs")
pytestmark = pytest.mark.skipif(LRS is None, reason="lrs is not installed (package lrslib)")


def lrs(folder: Path, kind: str, rows: list[tuple[Fraction | int, ...]], *options: str) -> str:
    """What lrs prints about these rows; it begins anew with longer numbers when short ones overflow, so that the last table counts."""
    text = ["region", f"{kind}-representation", "begin", f"{len(rows)} {len(rows[0])} rational"]
    text += [" ".join(map(str, row)) for row in rows]
    file = folder / "region.txt"
    file.write_text("\n".join([*text, "end", *options]) + "\n", encoding="utf-8")
    assert LRS is not None
    return subprocess.run([LRS, str(file)], capture_output=True, text=True, check=True, timeout=60).stdout


def generators(region: Region, folder: Path) -> tuple[list[tuple[Fraction, ...]], int]:
    """(vertices in order, number of rays); an inequality a.x <= b is the row b, -a."""
    output = lrs(folder, "H", [(i.offset, *(-v for v in i.normal)) for i in region.inequalities])
    points, rays = [], 0
    for line in output.split("begin")[-1].split("end")[0].splitlines()[2:]:
        first, *rest = line.split()
        if first == "1":
            points.append(tuple(Fraction(v) for v in rest))
        else:
            rays += 1
    return sorted(points), rays


@pytest.mark.parametrize("sizes", [[2, 6, 4, 1], [3, 5, 3, 1], [4, 5, 1]])
def test_vertices_and_rays(sizes: list[int], tmp_path: Path) -> None:
    net = trained_like(np.random.default_rng(0), sizes)
    for region in list(xn.regions.iterate(net))[:30]:
        found = region.polyhedron.generators()
        if found.lines:
            continue
        points, rays = generators(region, tmp_path)
        assert sorted(found.points) == points
        assert len(found.rays) == rays


def test_volumes(tmp_path: Path) -> None:
    net = trained_like(np.random.default_rng(1), [3, 5, 4, 1])
    regions = list(xn.regions.iterate(net, xn.Box(-1, 1)))
    assert len(regions) > 10
    for region in regions[:20]:
        output = lrs(tmp_path, "V", [(1, *p) for p in region.vertices()], "volume")
        *_, line = [t for t in output.splitlines() if t.startswith("*Volume=")]
        assert region.volume() == Fraction(line.removeprefix("*Volume=").strip())
