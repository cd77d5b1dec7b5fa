"""Small networks trained with schedules of the learning rate and with Cooling: does Cooling do what its paper says?

    python examples/cooling/run.py [--out out/cooling] [--quick] [--mnist FOLDER] [--only TASK] [--processes 2]

Some ten minutes on two cores; `make cooling` does the same. The design is in config.toml, what each claim means, too. Every finished run
is a line of runs.jsonl: running again goes on where it stopped. The report is report.md, beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cooling import plots, report
from cooling.design import TASKS, Config, plan, read_config
from cooling.tasks import load, source
from cooling.train import train
from study import program


def named(config: Config, task: str, mnist: Path | None) -> str:
    """The name of the data, which are read here, so that what is missing is said at once."""
    sizes = config.tasks[task]
    load(task, sizes.train, sizes.validation, sizes.test, mnist)
    return source(task, mnist)


STUDY = program.Study(
    folder=Path(__file__).resolve().parent,
    description="Train small networks with schedules of the learning rate and with Cooling, and test what is claimed of Cooling.",
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
