"""The pytest plugin, in runs of pytest of its own: options, folders, the summary, workers, and silence where nothing is asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import exactnn as xn
from exactnn.testing import assert_preserves, assert_zero
from exactnn.testing._summary import folder_name

PLUGIN = ("-p", "exactnn.testing.plugin", "-p", "no:cacheprovider")
ROOT = Path(__file__).resolve().parents[2]

NETWORKS = """
import exactnn as xn
import pytest
from exactnn import testing as xt
F = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])  # |x|
Z = xn.mlp([([[1], [-1], [1], [-1]], [1, -1, 2, -2]), ([[1, -1, -1, 1]], [1])])  # 0
"""

MIXED = (
    NETWORKS
    + """
def test_proved():
    xt.assert_zero(Z)

@pytest.mark.parametrize("name", ["../../b", "x y"])
def test_refuted(name):
    xt.assert_zero(F)

def test_many():
    xt.assert_preserves(lambda net: net, networks=[F, Z, F])
"""
)

#: smooth, deep, and 10^-60 apart: not decided
UNDECIDED = (
    NETWORKS
    + """
def near(nudge):
    return xn.mlp([([[1, "1/2"], [2, "-2/3"]], [0, 1]), ([["1/3", 1], [1, nudge]], [1, 0]), ([[1, 1]], [0])], "tanh")
f, g = near(1), near("1." + "0" * 59 + "1")
"""
)


@pytest.fixture(autouse=True, scope="module")
def _imported() -> None:
    """A run inside this process forgets what it imported, and some libraries cannot be imported twice."""
    zero = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
    assert_preserves(lambda net: net, networks=[zero])
    with pytest.raises(AssertionError):
        assert_zero(zero, certificates="")
    deep = [xn.mlp([([[1, 2]], [0]), ([[q]], [1]), ([[1]], [0])], "tanh") for q in (1, "1.0000001")]
    xn.verify_equal(deep[0], deep[1], time_limit=1)


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server that tests, pytest repeats whole messages in its summary, and what is counted here counts twice."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("BUILD_NUMBER", raising=False)


def lines_of(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)


def test_the_summary_counts_and_names_certificates(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=MIXED)
    result = pytester.runpytest_inprocess(*PLUGIN, "--exactnn-certificates", "kept")
    result.assert_outcomes(passed=2, failed=2)
    assert "questions: 4 proved, 2 refuted, 0 unknown" in result.outlines
    files = sorted((pytester.path / "kept").rglob("*.json"))
    assert len(files) == 2
    assert len({file.parent for file in files}) == 2
    for file in files:
        assert file.parent.parent == pytester.path / "kept"
        assert re.fullmatch(r"test_it-test_refuted-[\w-]+", file.parent.name)
        assert f"certificate: {file.relative_to(pytester.path)}" in result.outlines
        assert xn.check(file)


def test_workers_tell_the_same(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=MIXED)
    result = pytester.runpytest_subprocess(*PLUGIN, "-n", "2", "--exactnn-certificates", "kept")
    result.assert_outcomes(passed=2, failed=2)
    assert result.outlines.count("questions: 4 proved, 2 refuted, 0 unknown") == 1
    files = sorted((pytester.path / "kept").rglob("*.json"))
    assert [line.removeprefix("certificate: ") for line in result.outlines if line.startswith("certificate: ")] == [
        str(file.relative_to(pytester.path)) for file in files
    ]
    assert len(files) == 2


def test_a_failure_shows_the_line_of_the_test_and_its_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=MIXED)
    result = pytester.runpytest_inprocess(*PLUGIN, "test_it.py::test_refuted[x y]", "--exactnn-certificates", "kept")
    text = lines_of(result)
    assert "E       exactnn.errors.PropertyFailed: f is not zero" in text
    assert "_assertions.py" not in text
    assert len(result.outlines) < 40


def test_nothing_is_said_where_nothing_is_asked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=NETWORKS + "def test_a(): pass")
    result = pytester.runpytest_inprocess(*PLUGIN, "--exactnn-certificates", "kept")
    result.assert_outcomes(passed=1)
    assert "questions" not in lines_of(result)
    assert not (pytester.path / "kept").exists()


@pytest.mark.parametrize("how", ["skip", "xfail", "fail"])
def test_unknown_and_the_time_limit_of_the_option(how: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=UNDECIDED + f"def test_a(): xt.assert_same_function(f, g, unknown={how!r})")
    result = pytester.runpytest_inprocess(*PLUGIN, "--exactnn-time-limit", "0.1")
    wanted = {"skip": "skipped", "xfail": "xfailed", "fail": "failed"}[how]
    assert result.parseoutcomes() == {wanted: 1}
    assert "questions: 0 proved, 0 refuted, 1 unknown" in result.outlines


def test_a_limit_that_is_named_goes_before_the_marker_and_the_option(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it=NETWORKS
        + """
import math

@pytest.fixture
def limit(monkeypatch):
    seen = []
    def spied(*arguments, **options):
        seen.append(options["time_limit"])
        return xn.verify_equal(*arguments, **options)
    monkeypatch.setattr("exactnn.testing._judge.verify_equal", spied)
    def limit(**options):
        xt.assert_same_function(F, F, **options)
        xt.assert_preserves(lambda net: net, networks=[F], **options)
        (one, other) = seen[-2:]
        assert one == other
        return one
    return limit

def test_option(limit):
    assert limit() == 25

@pytest.mark.exactnn(time_limit=12)
def test_marker(limit):
    assert limit() == 12
    assert limit(time_limit=6) == 6
    assert limit(time_limit=math.inf) == math.inf

@pytest.mark.exactnn
def test_marker_alone(limit):
    assert limit() == 25
"""
    )
    result = pytester.runpytest_inprocess(*PLUGIN, "--strict-markers", "--exactnn-time-limit", "25")
    result.assert_outcomes(passed=3)
    result = pytester.runpytest_inprocess(*PLUGIN, "-m", "exactnn")  # without the option each has its own
    assert result.parseoutcomes() == {"failed": 1, "passed": 1, "deselected": 1}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--exactnn-time-limit", "0"), "--exactnn-time-limit: seconds above 0, or inf for no limit, are needed, got '0'"),
        (("--exactnn-time-limit=-3",), "got '-3'"),
        (("--exactnn-time-limit", "nan"), "got 'nan'"),
        (("--exactnn-time-limit", "soon"), "got 'soon'"),
        (("--exactnn-certificates", "a file"), "--exactnn-certificates: a folder, or the name of a new one, is needed, got 'a file'"),
        (("--exactnn-certificates", "a file/below"), "got 'a file/below'"),
        (("--exactnn-certificates", "a" * 300), "got 'aaa"),
        (("--exactnn-certificates", ""), "got ''"),
        (("--exactnn-certificates", "a\0b"), "got 'a\\x00b'"),
    ],
)
def test_bad_options(options: tuple[str, ...], words: str, pytester: pytest.Pytester) -> None:
    (pytester.path / "a file").touch()
    result = pytester.runpytest_inprocess(*PLUGIN, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in "\n".join(result.errlines)


@pytest.mark.parametrize("marker", ["exactnn(3)", "exactnn(limit=3)", "exactnn(time_limit=0)", "exactnn(time_limit='soon')"])
def test_bad_markers(marker: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=f"import pytest\n@pytest.mark.{marker}\ndef test_a(): pass\ndef test_b(): pass")
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(errors=1, passed=1)
    assert "marker exactnn: time_limit" in lines_of(result)


def test_a_folder_that_cannot_be_made_hides_no_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=MIXED + "\ndef test_folder(certificate_dir): pass")
    (pytester.path / "nowhere").symlink_to("gone/too")
    result = pytester.runpytest_inprocess(*PLUGIN, "--exactnn-certificates", "nowhere")
    result.assert_outcomes(passed=2, failed=2, errors=1)
    text = lines_of(result)
    assert text.count("certificate: not written: ") == 2
    assert re.search(r"--exactnn-certificates: .*nowhere.* cannot be made: ", text)


def test_every_test_has_a_folder_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it=NETWORKS
        + """
import pathlib
@pytest.mark.parametrize("x", ["/", "..", "a" * 300, "A", "a", "", "\\ud800"])
def test_a(x, certificate_dir, exactnn_ask):
    assert list(certificate_dir.iterdir()) == []
    verdict = exactnn_ask(xn.verify_zero, F)
    assert verdict.refuted
    (certificate_dir / "mine").touch()
"""
    )
    result = pytester.runpytest_inprocess(*PLUGIN, "--exactnn-certificates", "kept")
    result.assert_outcomes(passed=7)
    folders = sorted((pytester.path / "kept").iterdir())
    assert len({folder.name.lower() for folder in folders}) == 7
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", folder.name) for folder in folders)
    assert all(xn.check(folder / "verify_zero-1.json") for folder in folders)
    assert "questions: 0 proved, 7 refuted, 0 unknown" in result.outlines
    assert "and 2 more certificates in kept" in result.outlines
    # without the option it is a temporary one, and verdicts are counted alone
    result = pytester.runpytest_inprocess(*PLUGIN, "-k", "test_a[..]")
    result.assert_outcomes(passed=1)
    assert "certificate:" not in lines_of(result)


def test_a_question_of_ones_own_takes_the_time_limit(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it=UNDECIDED
        + """
def limited(*, time_limit=None):
    assert time_limit == 25
    return xn.verify_equal(f, g)

def test_a(exactnn_ask):
    assert exactnn_ask(limited).unknown
    assert exactnn_ask(xn.verify_pole_free, xn.rational.RationalFunction([1], [1, 0, 1])).proved
    with pytest.raises(xn.errors.ArgumentError, match="question"):
        exactnn_ask(xn.regions.count, F)
"""
    )
    result = pytester.runpytest_inprocess(*PLUGIN, "--exactnn-time-limit", "25")
    result.assert_outcomes(passed=1)
    assert "questions: 1 proved, 0 refuted, 1 unknown" in result.outlines


def test_the_slowest_questions_are_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
from exactnn.testing._running import note_question
import pytest
@pytest.mark.parametrize("seconds", [2, 5, 0.01, 3, 4])
def test_a(seconds):
    note_question("assert_zero", "unknown", seconds)
"""
    )
    result = pytester.runpytest_inprocess(*PLUGIN)
    slow = [line for line in result.outlines if line.startswith("slow: ")]
    assert slow == [f"slow: {n}.0 s, unknown: assert_zero in test_it.py::test_a[{n}]" for n in (5, 4, 3)]


def test_names_of_folders_differ() -> None:
    nodes = ["a/test_a.py::test_b", "b/test_a.py::test_b", "test_a.py::test_b[x/y]", "test_a.py::test_b[x-y]"]
    assert len({folder_name(node) for node in nodes}) == 4


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True, check=False)


def test_it_costs_little_and_imports_no_engine() -> None:
    """Beside pytest's own import, on the clock of the thread: a busy machine does not matter."""
    program = (
        "import sys, time; clock = time.thread_time; start = clock(); import pytest, _pytest.config; middle = clock(); "
        "import exactnn.testing.plugin; print(middle - start, clock() - middle, *sys.modules)"
    )
    ratios = []
    for _ in range(3):
        run = run_python(program)
        assert run.returncode == 0, run.stderr
        pytests, ours, *modules = run.stdout.split()
        assert {"hypothesis", "torch", "numpy", "flint", "networkx", "z3", "sympy", "scipy"} & set(modules) == set()
        ratios.append(float(ours) / float(pytests))
    assert min(ratios) < 1 / 4


def test_without_hypothesis(pytester: pytest.Pytester) -> None:
    """Assertions about single models need no hypothesis; what does says so."""
    pytester.makepyfile(
        test_it=NETWORKS
        + """
import sys
def test_a():
    xt.assert_zero(Z)
def test_b():
    with pytest.raises(xn.errors.MissingDependency, match=r"assert_preserves needs the package hypothesis; .*exactnn\\[testing\\]"):
        xt.assert_preserves
    assert "hypothesis.strategies" not in sys.modules
"""
    )
    program = """
import sys
class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "hypothesis":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
    run = run_python(program, *PLUGIN, "-p", "no:hypothesispytest", "-p", "no:_hypothesis_pytestplugin", str(pytester.path))
    assert run.returncode == 0, run.stdout
    assert "2 passed" in run.stdout
    assert "questions: 1 proved, 0 refuted, 0 unknown" in run.stdout


def test_torch_is_quiet(pytester: pytest.Pytester) -> None:
    """A module that is traced, one that is refused: no warning, no record in the log, no traceback through torch."""
    pytester.makepyfile(
        test_it="""
import pytest, torch
import exactnn as xn
from exactnn import testing as xt

class Traced(torch.nn.Linear):
    def forward(self, x):
        return torch.maximum(super().forward(x), torch.zeros(()))

class Refused(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else x

def test_traced():
    module = Traced(2, 2).eval()
    xt.assert_same_function(module, module)

def test_refused():
    module = Refused(2, 2).eval()
    xt.assert_same_function(module, module)
"""
    )
    result = pytester.runpytest_subprocess(*PLUGIN, "-W", "always")
    result.assert_outcomes(passed=1, failed=1, warnings=0)
    text = lines_of(result)
    assert "Captured" not in text
    assert "symbolic_shapes" not in text
    assert "cannot be traced to a fixed graph" in text
