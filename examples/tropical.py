"""A trained classifier as a tropical rational map: in full, with fewer terms, as files, as a picture; a larger one at data points.

`python examples/tropical.py [--out FOLDER]` trains a classifier 2-8-8-3 of the digits 0, 1, 2 by two numbers for each image, their first
two principal components (seconds), and reads examples/digits/digits.onnx, 64-32-10. It writes to out/tropical/.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from digits.data import digits
from torch import nn

import exactnn as xn
from exactnn.errors import MissingDependency
from exactnn.exact.array import RationalArray

HERE = Path(__file__).resolve().parent
CLASSES = 3


def components(images: Any, count: int = 2) -> tuple[Any, Any]:
    """The mean of the images, and their first principal directions."""
    return (mean := images.mean(axis=0)), np.linalg.svd(images - mean, full_matrices=False)[2][:count]


def fit(x: Any, labels: Any, *, epochs: int = 100) -> nn.Sequential:
    """The classifier 2-8-8-3 after training."""
    torch.manual_seed(0)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(labels)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
    return model.eval()


def right(values: Any, labels: Any) -> float:
    """The share of images that are classified as the labels say."""
    return float((values.argmax(axis=1) == labels).mean())


def terms(F: Any) -> str:
    """How many terms each polynomial has."""
    tops, bottoms = (", ".join(str(len(p)) for p in side) for side in (F.numerators, F.denominators))
    return f"{tops} in the numerators, {bottoms} in the denominators"


def in_full(out: Path) -> None:
    (images, labels), (held_out, held_labels) = digits()
    mean, directions = components(images)
    x, own = ((i - mean) @ directions.T for i in (images[labels < CLASSES], held_out[held_labels < CLASSES]))
    f = xn.from_torch(fit(x, labels[labels < CLASSES]), (2,))
    values = f.evaluate(RationalArray.of(own))
    print(
        f"1. A classifier 2-8-8-3 of the digits 0, 1, 2: {right(values.to_float(), held_labels[held_labels < CLASSES]):.1%} right, held out"
    )
    F = xn.tropical.extract(f)
    print(f"   F_j = P_j - Q on {len(F.regions)} regions, each P_j and Q a maximum of affine functions: {terms(F)}")
    R = F.reduce()
    proved = all(proof.check() for proof in R.proofs)
    print(f"   reduced: {terms(R)}; {R.decomposition}: {'proofs checked' if proved else 'the proofs do not hold'}")
    if not (proved and F.values(own) == values == R.values(own)):
        sys.exit("the forms are not the network")
    print(f"   network and both forms are equal, without rounding, at the {len(own)} held-out images")
    for name in ("classifier.json", "classifier.smt2"):
        R.export(out / name)
        print(f"   written: {out / name} ({(out / name).stat().st_size / 1024:.0f} KB)")
    try:
        shown = {"points": own, "labels": held_labels[held_labels < CLASSES], "path": out / "boundary.png"}
        xn.tropical.plot_decision_boundary(F, window=xn.Box([-2, "-5/2"], [2, "5/2"]), **shown)
    except MissingDependency as missing:
        print(f"   no picture: {missing}")
        return
    print(f"   drawn: {out / 'boundary.png'}, the decision boundary as a part of a tropical curve, with the held-out images")


def at_points() -> None:
    (images, _), (held_out, labels) = digits()
    f = xn.load(HERE / "digits" / "digits.onnx")
    own = f.evaluate(RationalArray.of(held_out)).to_float()
    print(f"2. The classifier 64-32-10 at data points (TropEx); in full it may have 2^32 regions. {right(own, labels):.1%} right, held out")
    print("   points  terms of P_0  terms of Q  cross terms  decides as the network  right")
    for count in (10, 100, len(images)):
        G = xn.tropical.extract_at(f, images[:count])
        values, cross = G.evaluate(held_out), float(G.cross_terms(held_out).share)
        shares = f"{cross:>11.1%}  {right(values, own.argmax(axis=1)):>22.1%}  {right(values, labels):>5.1%}"
        print(f"{count:>9}  {len(G.numerators[0]):>12}  {len(G.denominators[0]):>10}  {shares}")
    print("   (cross terms: shares of held-out images and outputs where P_j and Q take their terms from different data points)")
    G = xn.tropical.extract_at(f, images[:100])
    print(f"   equal to the network at 100 training images: certificate {'accepted' if xn.check(G.certificate) else 'rejected'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE.parent / "out" / "tropical", help="folder for the files (out/tropical/)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # matrices as small as these gain nothing from more
    in_full(out)
    at_points()
    return 0


if __name__ == "__main__":
    sys.exit(main())
