"""The linear terms of small networks at data points: does TropEx find, exactly, what its paper says?

    python examples/tropex/run.py [--out out/tropex] [--quick] [--data FOLDER] [--only TASK] [--processes 2] [--page docs/tropex.md]

Some minutes on two cores; `make tropex` does the same. FOLDER has MNIST's four IDX files; without it only scikit-learn's digits are learnt.
(With --config examples/tropex/mnist.toml the two files of test images are enough.) The design is in config.toml, and what each claim means.
Every finished run is a line of runs.jsonl: running again goes on where it stopped. The report is report.md, beside it.
--page puts its tables, claims and pictures into the page's blocks of this configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from study import program
from tropex import plots, report
from tropex.design import TASKS, Config, plan, read_config
from tropex.tasks import load, source
from tropex.train import train


def named(config: Config, task: str, mnist: Path | None) -> str:
    """The name of the data, which are read here, so that what is missing is said at once."""
    size = config.tasks[task]
    load(task, size.train, size.test, mnist, size.files)
    return source(task, mnist, size.files)


STUDY = program.Study(
    folder=Path(__file__).resolve().parent,
    description="Extract the linear terms of small networks at data points, exactly, and test what is claimed of them.",
    tasks=TASKS,
    read=read_config,
    source=named,
    plan=plan,
    train=train,
    report=report,
    plots=plots,
    parts=report.PARTS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    return program.main(STUDY, arguments)


if __name__ == "__main__":
    program.command(STUDY)
