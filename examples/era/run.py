"""Small networks with rational and other activations, trained on two tasks: does ERA do what its paper says?

    python examples/era/run.py [--out out/era] [--quick] [--mnist FOLDER] [--only TASK] [--processes 2]

A few minutes on two cores; `make era` does the same. The design is in config.toml, what each claim means, too. Every finished run is a
line of runs.jsonl: running again goes on where it stopped. The report is report.md, beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from era import plots, report
from era.design import TASKS, Config, plan, read_config
from era.tasks import load, source
from era.train import train
from study import program


def named(config: Config, task: str, mnist: Path | None) -> str:
    """The name of the data, which are read here, so that what is missing is said at once."""
    load(task, config.tasks[task].train, config.tasks[task].test, mnist)
    return source(task, mnist)


STUDY = program.Study(
    folder=Path(__file__).resolve().parent,
    description="Train small networks with ERA and other activations, and test what is claimed of ERA.",
    tasks=TASKS,
    read=read_config,
    source=named,
    plan=plan,
    train=train,
    report=report,
    plots=plots,
)


def main(arguments: Sequence[str] | None = None) -> int:
    return program.main(STUDY, arguments)


if __name__ == "__main__":
    program.command(STUDY)
