"""The pairs of networks that are compared, each with the box of its inputs and with points to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from deviation import networks
from deviation.data import Images, mnist, small
from study.settings import Refused
from torch import nn

import exactnn as xn

MNIST, ACASXU = "mnist/t10k-images-idx3-ubyte.gz", "acasxu/*.onnx"
POINTS = 2_000  # random ones, where there are no images
#: The normalised inputs of the ACAS Xu networks.
ACASXU_BOX = xn.Box([Fraction(-3, 10), *[Fraction(-1, 2)] * 4], [Fraction(17, 25), *[Fraction(1, 2)] * 4])


@dataclass(frozen=True)
class Sizes:
    """Hidden widths of the classifier, channels of the convolutional network, and how many epochs each is trained."""

    hidden: tuple[int, ...]
    epochs: int
    channels: tuple[int, ...]
    channel_epochs: int


DIGITS, BY_MNIST = Sizes((64, 32), 60, (8, 16), 20), Sizes((200, 80), 10, (8, 16), 20)
QUICK = Sizes((8, 8), 10, (2, 4), 5)


@dataclass(frozen=True)
class Case:
    """f and its copy g on a box; points of the box (n, inputs), with labels (n,) if they are test images."""

    name: str
    title: str
    models: tuple[str, str]
    f: xn.Network
    g: xn.Network
    domain: xn.Box
    points: torch.Tensor
    labels: torch.Tensor | None


def left_out(data: Path | None, *, quick: bool) -> list[str]:
    """What is not compared, and why; Refused where the folder has nothing of use."""
    if data is None:
        return [
            f"Left out, as no --data FOLDER was given: ACAS Xu ({ACASXU} in it, each with its .nnet), and MNIST ({MNIST} and its labels); "
            "the classifier is one of 8 x 8 digits instead."
        ]
    there = {"MNIST": (data / MNIST).is_file(), "ACAS Xu": bool(_acasxu(data))}
    wanted = {"MNIST": MNIST, "ACAS Xu": f"{ACASXU} with a .nnet of the same name"}
    if not any(there.values()):
        raise Refused(f"--data {data}: {' or '.join(wanted.values())} is needed in this folder, got neither")
    notes = [f"{name} is left out: there is no {wanted[name]} in the folder of --data." for name in there if not there[name]]
    return notes + ["MNIST is left out: --quick trains on the digits."] * (quick and there["MNIST"])


def cases(data: Path | None, folder: Path, *, quick: bool) -> Iterator[Case]:
    """One after the other, as they are made; model files go to the folder."""
    sizes, digits = QUICK if quick else DIGITS, small()
    if data is not None and (data / MNIST).is_file() and not quick:
        yield from classifiers(mnist(data / "mnist"), BY_MNIST, folder)
    else:
        yield from classifiers(digits, sizes, folder)
    yield from batch_norms(digits, sizes, folder)
    for file in _acasxu(data):
        yield read_twice(file)


def classifiers(images: Images, sizes: Sizes, folder: Path) -> Iterator[Case]:
    """A trained classifier and four copies."""
    model = networks.classifier(images, sizes.hidden, epochs=sizes.epochs)
    shape = "-".join(map(str, (images.x.shape[1], *sizes.hidden, 10)))
    f = _through_file(model, folder / "classifier.onnx")
    copies = {
        "float16": ("float16", networks.half(model)),
        "int8": ("8-bit weights", networks.eight_bits(model)),
        "pruned": ("10% pruned", networks.pruned(model)),
        "tuned": ("fine-tuned", networks.tuned(model, images)),
    }
    for name, (what, copy) in copies.items():
        g = _through_file(copy, folder / f"{name}.onnx")
        yield _of_images(name, f"{shape}, {what}", ("classifier", name), f, g, images)


def batch_norms(images: Images, sizes: Sizes, folder: Path) -> Iterator[Case]:
    """A trained convolutional network with its batch norm, without it, and after the way through ONNX."""
    model = networks.convolutional(images, sizes.channels, epochs=sizes.channel_epochs)
    pixels = images.x.shape[1]
    f = xn.from_torch(model, (pixels,))
    g = xn.from_torch(networks.folded(model), (pixels,))
    yield _of_images("folded", "CNN, batch norm folded", ("convolutional", "folded"), f, g, images)
    h, writer = networks.exported(model, pixels, folder / "exported.onnx")
    yield _of_images("exported", f"CNN, ONNX file by {writer}", ("convolutional", "exported"), f, h, images)


def _through_file(model: nn.Sequential, path: Path) -> xn.Network:
    """Read from the ONNX file that is written, so that certificates name the file and need not hold the weights."""
    xn.save(xn.from_torch(model), path)
    return xn.load(path)


def _of_images(name: str, title: str, models: tuple[str, str], f: xn.Network, g: xn.Network, images: Images) -> Case:
    """On all images with pixels in [0, 1]."""
    domain = xn.Box([0] * f.input_dim, [1] * f.input_dim)
    return Case(name, title, models, f, g, domain, images.test_x, images.test_y)


def _acasxu(data: Path | None) -> list[Path]:
    return [] if data is None else [path for path in sorted(data.glob(ACASXU)) if path.with_suffix(".nnet").is_file()]


def read_twice(file: Path) -> Case:
    """The ONNX file and the NNET file of one network, the latter without its normalisation, as the former has none."""
    f, g = xn.load(file), xn.load(file.with_suffix(".nnet"), raw=True)
    low, high = (torch.tensor(side.to_float()) for side in ACASXU_BOX.bounds)
    points = low + (high - low) * torch.rand(POINTS, len(low), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Case(file.stem, "ACAS Xu, ONNX and NNET", (file.name, f"{file.stem}.nnet"), f, g, ACASXU_BOX, points, None)
