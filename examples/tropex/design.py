"""The design of the study: config.toml, checked, and the runs that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from study.settings import (
    CLAIM,
    Check,
    Claim,
    Refused,
    checked,
    digest,
    named,
    one_of,
    positive,
    read_toml,
    seed_number,
    several,
    table,
    text,
    whole,
)
from tropex.models import NETWORKS
from tropex.tasks import CLASSES, FILES

#: To be raised when a change of the code changes the numbers of a run, so that kept runs are made anew.
RECIPE = 2
TASKS = ("digits", "mnist")
CLAIMS = (
    *("regions", "norms", "angles", "loss", "loss-dense", "conv-regions"),
    *("cross", "alike", "robust", "pruning"),
)
two = checked(lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 2, "a whole number >= 2")
#: more than there are classes, so that two are of one class
over = checked(lambda v: isinstance(v, int) and not isinstance(v, bool) and v > CLASSES, f"a whole number >= {CLASSES + 1}")


@dataclass(frozen=True)
class Task:
    """How many examples for what, how they are trained on, and by which networks."""

    train: int
    test: int
    batch: int
    epochs: int
    learning_rate: float
    files: str
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Measures:
    """How many points for what (config.toml says it)."""

    certified: int
    shifted: int
    samples: int
    sized: int
    directions: int
    perturbed: int
    step: float


@dataclass(frozen=True)
class Quick:
    """What --quick puts in place of the sizes of the study."""

    seeds: tuple[int, ...]
    train: int
    test: int
    epochs: int
    measures: Measures


@dataclass(frozen=True)
class Config:
    """The whole of config.toml."""

    seeds: tuple[int, ...]
    tasks: dict[str, Task]
    measures: Measures
    claims: dict[str, Claim]
    quick: Quick

    def quickened(self) -> Config:
        """The same design with the sizes of --quick."""
        q = self.quick
        tasks = {name: replace(task, train=q.train, test=q.test, epochs=q.epochs) for name, task in self.tasks.items()}
        return replace(self, seeds=q.seeds, tasks=tasks, measures=q.measures)


@dataclass(frozen=True)
class Run:
    """One network: all that decides its line."""

    task: str
    network: str
    seed: int
    learning_rate: float
    train: int
    test: int
    batch: int
    epochs: int
    certified: int
    shifted: int
    samples: int
    sized: int
    directions: int
    perturbed: int
    step: float
    files: str
    data: str

    @property
    def key(self) -> str:
        """A name to read."""
        return f"{self.task}/{self.network}/seed {self.seed}"

    @property
    def digest(self) -> str:
        """A hash of all settings."""
        return digest({**asdict(self), "recipe": RECIPE})


def plan(config: Config, data: Mapping[str, str]) -> list[Run]:
    """All runs, seed by seed; `data` names the data of the tasks that are wanted."""
    return [
        Run(
            task=name,
            network=network,
            seed=seed,
            learning_rate=task.learning_rate,
            train=task.train,
            test=task.test,
            batch=task.batch,
            epochs=task.epochs,
            files=task.files,
            data=data[name],
            **asdict(config.measures),
        )
        for seed in config.seeds
        for name, task in config.tasks.items()
        if name in data
        for network in task.networks
    ]


def read_config(path: Path) -> Config:
    """config.toml, or a file with what differs from it; Refused names the first key that is missing, unknown or wrong.

    `base = "config.toml"` in the file: what it leaves out is as there, in the same folder.
    """
    sizes = {"train": over, "test": two}
    counts = {"certified": whole, "shifted": whole, "samples": two, "sized": whole, "directions": two, "perturbed": whole}
    measures = table(Measures, {**counts, "step": positive})
    taken = {"files": one_of(FILES), "networks": several(one_of(NETWORKS))}
    task = table(Task, {**sizes, "batch": two, "epochs": whole, "learning_rate": positive, **taken})
    checks: dict[str, Check] = {
        "seeds": several(seed_number, least=2),
        "tasks": named(TASKS, task),
        "measures": measures,
        "claims": named(CLAIMS, CLAIM),
        "quick": table(Quick, {"seeds": several(seed_number, least=2), **sizes, "epochs": whole, "measures": measures}),
    }
    config: Config = table(Config, checks)(_document(path), str(path))
    if config.tasks["digits"].files != "all":
        raise Refused(f"{path}: tasks.digits.files: 'all' is needed, got {config.tasks['digits'].files!r}; the digits have no other files")
    for name, found in config.tasks.items():
        if found.train % found.batch == 1 or config.quick.train % found.batch == 1:
            raise Refused(f"{path}: tasks.{name}.batch: {found.batch} leaves a batch of one example, which batch norm cannot take")
    return config


def _document(path: Path) -> dict[str, Any]:
    document = read_toml(path)
    base = document.pop("base", None)
    if base is None:
        return document
    text(base, f"{path}: base")
    return _merged(read_toml(path.parent / base), document)


def _merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The first table with what the second one says in its place, tables in it alike."""
    both = {k: _merged(first[k], v) if isinstance(v, dict) and isinstance(first.get(k), dict) else v for k, v in second.items()}
    return {**first, **both}
