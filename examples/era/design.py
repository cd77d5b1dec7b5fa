"""The design of the study: config.toml, checked, and the runs that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from study.settings import (
    CLAIM,
    Check,
    Claim,
    Refused,
    digest,
    named,
    one_of,
    positive,
    read_toml,
    seed_number,
    several,
    table,
    whole,
    yes_or_no,
)

#: To be raised when a change of the code changes the numbers of a run, so that kept runs are made anew.
RECIPE = 1
TASKS = ("digits", "friedman", "mnist")
ARCHITECTURES = ("mlp", "cnn", "mixer", "transformer")
NORMALISATIONS = ("none", "layer", "instance", "batch")
PLAIN = ("relu", "leaky_relu", "silu", "gelu", "prelu", "safepade")
ERAS = tuple(f"era{degree}-{init}" for degree in (2, 4) for init in ("swish", "gelu", "relu", "leaky_relu(0.3)", "random"))
STUDIES = ("activations", "widths", "starts", "normalisations", "clipping")
CLAIMS = ("beats-relu", "small-networks", "swish-init", "random-init", "clipping", "normalisation")


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
        return digest({**asdict(self), "recipe": RECIPE})


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


def read_config(path: Path) -> Config:
    """config.toml; Refused names the first key that is missing, unknown or wrong."""
    document = read_toml(path)
    study = {
        "tasks": several(one_of(TASKS)),
        "architectures": several(one_of(ARCHITECTURES)),
        "activations": several(one_of((*PLAIN, *ERAS))),
        "normalisations": several(one_of(("own", *NORMALISATIONS))),
        "widths": several(whole, least=0),
        "clipped": several(yes_or_no),
    }
    task = {"train": whole, "test": whole, "epochs": whole, "architectures": several(one_of(ARCHITECTURES))}
    architecture = {"width": whole, "learning_rate": positive, "normalisation": one_of(NORMALISATIONS)}
    seeds = several(seed_number, least=2)
    quick = {"seeds": seeds, "train": whole, "test": whole, "epochs": whole}
    checks: dict[str, Check] = {
        "seeds": seeds,
        "batch": whole,
        "clip": positive,
        "tasks": named(TASKS, table(Task, task)),
        "architectures": named(ARCHITECTURES, table(Architecture, architecture)),
        "studies": named(STUDIES, table(Study, study)),
        "claims": named(CLAIMS, CLAIM),
        "quick": table(Quick, quick),
    }
    config: Config = table(Config, checks)(document, str(path))
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
