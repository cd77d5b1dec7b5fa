"""The design of the study: config.toml, checked, and the runs that it asks for."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

#: To be raised when a change of the code changes the numbers of a run, so that kept runs are made anew.
RECIPE = 1
TASKS = ("digits", "friedman", "mnist")
ARCHITECTURES = ("mlp", "cnn", "mixer", "transformer")
NORMALISATIONS = ("none", "layer", "instance", "batch")
PLAIN = ("relu", "leaky_relu", "silu", "gelu", "prelu", "safepade")
ERAS = tuple(f"era{degree}-{init}" for degree in (2, 4) for init in ("swish", "gelu", "relu", "leaky_relu(0.3)", "random"))
STUDIES = ("activations", "widths", "starts", "normalisations", "clipping")
CLAIMS = ("beats-relu", "small-networks", "swish-init", "random-init", "clipping", "normalisation")
Made = TypeVar("Made")


class Refused(Exception):
    """What the user gave cannot be used; the message is one line."""


@dataclass(frozen=True)
class Task:
    """How many examples to train on and to test with, for how many epochs, and by which architectures."""

    train: int
    test: int
    epochs: int
    architectures: tuple[str, ...]


@dataclass(frozen=True)
class Architecture:
    """Its size, learning rate, and the normalisation before its activations."""

    width: int
    learning_rate: float
    normalisation: str


@dataclass(frozen=True)
class Study:
    """All combinations of these; no widths, or normalisation "own", for those of the architecture."""

    tasks: tuple[str, ...]
    architectures: tuple[str, ...]
    activations: tuple[str, ...]
    normalisations: tuple[str, ...]
    widths: tuple[int, ...]
    clipped: tuple[bool, ...]


@dataclass(frozen=True)
class Claim:
    """What is claimed, what is measured for it, and the number that decides."""

    sentence: str
    metric: str
    threshold: float


@dataclass(frozen=True)
class Quick:
    """What --quick puts in place of the sizes of the study."""

    seeds: tuple[int, ...]
    train: int
    test: int
    epochs: int


@dataclass(frozen=True)
class Config:
    """The whole of config.toml."""

    seeds: tuple[int, ...]
    batch: int
    clip: float
    tasks: dict[str, Task]
    architectures: dict[str, Architecture]
    studies: dict[str, Study]
    claims: dict[str, Claim]
    quick: Quick

    def quickened(self) -> Config:
        """The same design with the sizes of --quick."""
        q = self.quick
        tasks = {name: replace(task, train=q.train, test=q.test, epochs=q.epochs) for name, task in self.tasks.items()}
        return replace(self, seeds=q.seeds, tasks=tasks)


@dataclass(frozen=True)
class Run:
    """One training: all that decides its result."""

    task: str
    architecture: str
    width: int
    activation: str
    normalisation: str
    clip: float | None
    seed: int
    train: int
    test: int
    epochs: int
    batch: int
    learning_rate: float
    data: str

    @property
    def key(self) -> str:
        """A name to read."""
        clip = "no clipping" if self.clip is None else f"clip {self.clip:g}"
        return f"{self.task}/{self.architecture}-{self.width}/{self.activation}/{self.normalisation}/{clip}/seed {self.seed}"

    @property
    def digest(self) -> str:
        """A hash of all settings."""
        text = json.dumps({**asdict(self), "recipe": RECIPE}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan(config: Config, data: Mapping[str, str]) -> list[Run]:
    """The runs of all studies, each once, seed by seed; `data` names the data of the tasks that are wanted."""
    runs: dict[Run, None] = {}
    for seed in config.seeds:
        for study in config.studies.values():
            for name in (t for t in study.tasks if t in data):
                task = config.tasks[name]
                for kind in (a for a in study.architectures if a in task.architectures):
                    own = config.architectures[kind]
                    for width in study.widths or (own.width,):
                        for normalisation in study.normalisations:
                            for activation in study.activations:
                                for clipped in study.clipped:
                                    run = Run(
                                        task=name,
                                        architecture=kind,
                                        width=width,
                                        activation=activation,
                                        normalisation=own.normalisation if normalisation == "own" else normalisation,
                                        clip=config.clip if clipped else None,
                                        seed=seed,
                                        train=task.train,
                                        test=task.test,
                                        epochs=task.epochs,
                                        batch=config.batch,
                                        learning_rate=own.learning_rate,
                                        data=data[name],
                                    )
                                    runs[run] = None
    return list(runs)


# --- reading config.toml -----------------------------------------------------------------------------------------------------

Check = Callable[[Any, str], Any]


def read_config(path: Path) -> Config:
    """config.toml; Refused names the first key that is missing, unknown or wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: cannot be read as TOML: {error}") from error
    study = {
        "tasks": _several(_one_of(TASKS)),
        "architectures": _several(_one_of(ARCHITECTURES)),
        "activations": _several(_one_of((*PLAIN, *ERAS))),
        "normalisations": _several(_one_of(("own", *NORMALISATIONS))),
        "widths": _several(_whole, least=0),
        "clipped": _several(_yes_or_no),
    }
    task = {"train": _whole, "test": _whole, "epochs": _whole, "architectures": _several(_one_of(ARCHITECTURES))}
    architecture = {"width": _whole, "learning_rate": _positive, "normalisation": _one_of(NORMALISATIONS)}
    claim = {"sentence": _text, "metric": _text, "threshold": _number}
    seeds = _several(_seed, least=2)
    quick = {"seeds": seeds, "train": _whole, "test": _whole, "epochs": _whole}
    checks: dict[str, Check] = {
        "seeds": seeds,
        "batch": _whole,
        "clip": _positive,
        "tasks": _named(TASKS, _table(Task, task)),
        "architectures": _named(ARCHITECTURES, _table(Architecture, architecture)),
        "studies": _named(STUDIES, _table(Study, study)),
        "claims": _named(CLAIMS, _table(Claim, claim)),
        "quick": _table(Quick, quick),
    }
    config: Config = _table(Config, checks)(document, str(path))
    for name, kind in config.architectures.items():
        _fits(name, (kind.normalisation,), (kind.width,), f"{path}: architectures.{name}")
    for name, entry in config.studies.items():
        for architecture in entry.architectures:
            _fits(architecture, entry.normalisations, entry.widths, f"{path}: studies.{name}")
    if config.tasks["friedman"].architectures != ("mlp",):
        raise Refused(f"{path}: tasks.friedman.architectures: only ['mlp'] is possible, as the inputs are no images")
    return config


def _fits(architecture: str, normalisations: tuple[str, ...], widths: tuple[int, ...], where: str) -> None:
    """What a dense layer, a convolution and tokens can have before an activation; the Transformer's two heads share its width."""
    possible = ["none", "instance" if architecture == "cnn" else "layer", *(["batch"] if architecture in ("mlp", "cnn") else [])]
    for name in normalisations:
        if name not in ("own", *possible):
            raise Refused(f"{where}: the architecture {architecture!r} can have {', '.join(possible)} as normalisation, got {name!r}")
    for width in widths:
        if architecture == "transformer" and width % 2:
            raise Refused(f"{where}: the width of a transformer is even, got {width}")


def _table(kind: Callable[..., Made], checks: Mapping[str, Check]) -> Callable[[Any, str], Made]:
    assert {f.name for f in fields(kind)} == set(checks)  # type: ignore[arg-type]

    def check(value: Any, where: str) -> Made:
        return kind(**_entries(value, where, checks))

    return check


def _named(names: tuple[str, ...], check: Check) -> Check:
    return lambda value, where: _entries(value, where, dict.fromkeys(names, check))


def _entries(value: Any, where: str, checks: Mapping[str, Check]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{where}: a table is needed, got {value!r}")
    for key in checks:
        if key not in value:
            raise Refused(f"{where}: the key {key!r} is missing")
    for key in value:
        if key not in checks:
            raise Refused(f"{where}: unknown key {key!r}; known are {', '.join(checks)}")
    return {key: check(value[key], f"{where}: {key}" if ": " not in where else f"{where}.{key}") for key, check in checks.items()}


def _several(check: Check, least: int = 1) -> Check:
    def checked(value: Any, where: str) -> Any:
        if not isinstance(value, list) or len(value) < least or len(set(map(repr, value))) < len(value):
            raise Refused(f"{where}: a list of {least} or more different entries is needed, got {value!r}")
        return tuple(check(entry, where) for entry in value)

    return checked


def _one_of(names: tuple[str, ...]) -> Check:
    return _checked(lambda v: v in names, f"one of {', '.join(names)}")


def _checked(right: Callable[[Any], bool], needed: str) -> Check:
    def check(value: Any, where: str) -> Any:
        if not right(value):
            raise Refused(f"{where}: {needed} is needed, got {value!r}")
        return value

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


_whole = _checked(lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 1, "a whole number >= 1")
_seed = _checked(lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 2**31, "a whole number >= 0")
_number = _checked(_is_number, "a number")
_positive = _checked(lambda v: _is_number(v) and v > 0, "a positive number")
_text = _checked(lambda v: isinstance(v, str) and bool(v.strip()), "a text")
_yes_or_no = _checked(lambda v: isinstance(v, bool), "true or false")
