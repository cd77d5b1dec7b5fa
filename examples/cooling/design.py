"""The design of the study: config.toml, checked, and the runs that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cooling.methods import METHODS
from cooling.models import CHAINS, NETWORKS
from study.settings import (
    CLAIM,
    Check,
    Claim,
    Refused,
    digest,
    named,
    number,
    one_of,
    positive,
    read_toml,
    seed_number,
    several,
    table,
    whole,
)

#: To be raised when a change of the code changes the numbers of a run, so that kept runs are made anew.
RECIPE = 1
TASKS = ("digits", "shapes", "mnist")
CLAIMS = (
    *("last-accurate", "last-best", "last-calibration", "all-accurate", "all-calibrated"),
    *("rates", "equalised", "normalised"),
)


@dataclass(frozen=True)
class Task:
    """How many examples for what, how many of them in a batch, for how many epochs, and by which networks."""

    train: int
    validation: int
    test: int
    batch: int
    epochs: int
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """Its size, the middle one of its initial learning rates, and its dropout."""

    width: int
    learning_rate: float
    dropout: float


@dataclass(frozen=True)
class Quick:
    """What --quick puts in place of the sizes of the study."""

    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    train: int
    validation: int
    test: int
    epochs: int


@dataclass(frozen=True)
class Config:
    """The whole of config.toml."""

    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    momentum: float
    logit_norm: float
    methods: tuple[str, ...]
    tasks: dict[str, Task]
    networks: dict[str, Network]
    claims: dict[str, Claim]
    quick: Quick

    def quickened(self) -> Config:
        """The same design with the sizes of --quick."""
        q = self.quick
        sizes = {"train": q.train, "validation": q.validation, "test": q.test, "epochs": q.epochs}
        tasks = {name: replace(task, **sizes) for name, task in self.tasks.items()}
        return replace(self, seeds=q.seeds, rates=q.rates, tasks=tasks)


@dataclass(frozen=True)
class Run:
    """One training: all that decides its result."""

    task: str
    network: str
    method: str
    rate: float
    seed: int
    width: int
    dropout: float
    learning_rate: float
    momentum: float
    logit_norm: float
    train: int
    validation: int
    test: int
    batch: int
    epochs: int
    data: str

    @property
    def key(self) -> str:
        """A name to read."""
        return f"{self.task}/{self.network}/{self.method}/rate {self.learning_rate:g}/seed {self.seed}"

    @property
    def digest(self) -> str:
        """A hash of all settings."""
        return digest({**asdict(self), "recipe": RECIPE})


def plan(config: Config, data: Mapping[str, str]) -> list[Run]:
    """All combinations, seed by seed; `data` names the data of the tasks that are wanted. "equalise" is for chains alone."""
    return [
        Run(
            task=name,
            network=network,
            method=method,
            rate=rate,
            seed=seed,
            width=config.networks[network].width,
            dropout=config.networks[network].dropout,
            learning_rate=config.networks[network].learning_rate * rate,
            momentum=config.momentum,
            logit_norm=config.logit_norm,
            train=task.train,
            validation=task.validation,
            test=task.test,
            batch=task.batch,
            epochs=task.epochs,
            data=data[name],
        )
        for seed in config.seeds
        for name, task in config.tasks.items()
        if name in data
        for network in task.networks
        for rate in config.rates
        for method in config.methods
        if method != "cooling-equalise" or network in CHAINS
    ]


# --- reading config.toml -----------------------------------------------------------------------------------------------------


def read_config(path: Path) -> Config:
    """config.toml; Refused names the first key that is missing, unknown or wrong."""
    sizes = {"train": whole, "validation": whole, "test": whole}
    rates = several(positive, least=2)
    checks: dict[str, Check] = {
        "seeds": several(seed_number, least=2),
        "rates": rates,
        "momentum": number,
        "logit_norm": positive,
        "methods": several(one_of(METHODS)),
        "tasks": named(TASKS, table(Task, {**sizes, "batch": whole, "epochs": whole, "networks": several(one_of(tuple(NETWORKS)))})),
        "networks": named(tuple(NETWORKS), table(Network, {"width": whole, "learning_rate": positive, "dropout": number})),
        "claims": named(CLAIMS, CLAIM),
        "quick": table(Quick, {"seeds": several(seed_number, least=2), "rates": rates, **sizes, "epochs": whole}),
    }
    config: Config = table(Config, checks)(read_toml(path), str(path))
    for name, task in config.tasks.items():
        for network in task.networks:
            if name not in NETWORKS[network]:
                raise Refused(f"{path}: tasks.{name}.networks: {network!r} can learn {', '.join(NETWORKS[network])}")
    for name, given in config.networks.items():
        if not 0 <= given.dropout < 1:
            raise Refused(f"{path}: networks.{name}.dropout: a number from 0 to below 1 is needed, got {given.dropout}")
    if not 0 <= config.momentum < 1:
        raise Refused(f"{path}: momentum: a number from 0 to below 1 is needed, got {config.momentum}")
    return config
