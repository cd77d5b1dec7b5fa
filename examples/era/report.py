"""The tables, the claims and the poles, from the lines of the runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from era.design import Config, Run
from study.tables import BySeed, Decided, NotRun, Outcome, average, decide, listed, measured, paired, shown, spread, summed, table, wins
from study.tables import write as save

import exactnn as xn
from exactnn.nn import ERA

Line = dict[str, Any]
PAIRS = (("digits", "mlp"), ("digits", "cnn"), ("digits", "mixer"), ("digits", "transformer"), ("friedman", "mlp"))
BOTH = ("mlp", "cnn")


@dataclass(frozen=True)
class Results:
    """Finished runs with their lines."""

    config: Config
    lines: dict[Run, Line]

    def select(
        self,
        task: str,
        architecture: str,
        activation: str,
        *,
        normalisation: str | None = None,
        width: int | None = None,
        clipped: bool = True,
    ) -> dict[int, Line]:
        """The lines of one setting by seed; the architecture's own normalisation and width unless told."""
        own = self.config.architectures[architecture]
        wanted = (task, architecture, activation, normalisation or own.normalisation, width or own.width, clipped)
        return {
            r.seed: line
            for r, line in self.lines.items()
            if (r.task, r.architecture, r.activation, r.normalisation, r.width, r.clip is not None) == wanted
        }

    def errors(self, *setting: str, **options: Any) -> BySeed:
        """The test errors of one setting by seed; NotRun where there are none."""
        found = self.select(*setting, **options)
        if not found:
            raise NotRun
        return measured(found, "error")


# --- claims ----------------------------------------------------------------------------------------------------------------


def claims(results: Results) -> dict[str, Outcome]:
    """All claims of the configuration, in its order."""
    return decide(results.config.claims, DECIDE, results)


def beats_relu(results: Results, threshold: float) -> Decided:
    gains = {"/".join(pair): paired(results.errors(*pair, "relu"), results.errors(*pair, "era4-swish")) for pair in PAIRS}
    won, text = wins(gains, "ReLU's error - ERA's")
    return won >= threshold, text


def small_networks(results: Results, threshold: float) -> Decided:
    widths = sorted(results.config.studies["widths"].widths)
    gains = {w: _gain(results, w) for w in widths}
    change = paired(gains[widths[0]], gains[widths[-1]])
    counts = {
        count
        for w in widths
        for relu, era in zip(
            results.select("digits", "mlp", "relu", width=w).values(),
            results.select("digits", "mlp", "era4-swish", width=w).values(),
            strict=True,
        )
        for count in ((era["parameters"] - relu["parameters"]) / len(era["activations"]), *(a["parameters"] for a in era["activations"]))
    }
    listed = ", ".join(f"{w}: {shown(spread(gains[w].values()))}" for w in widths)
    more = " or ".join(f"{count:g}" for count in sorted(counts))
    text = f"gain at width {listed}; least - largest width {shown(change)}; {more} more parameters in each activation layer"
    return change.mean >= threshold and counts == {10}, text


def _gain(results: Results, width: int) -> BySeed:
    relu, era = (results.errors("digits", "mlp", name, width=width) for name in ("relu", "era4-swish"))
    return {seed: relu[seed] - era[seed] for seed in relu}


def swish_init(results: Results, threshold: float) -> Decided:
    swish = _mean_of_both(results, "era4-swish")
    others = {start: paired(_mean_of_both(results, f"era4-{start}"), swish) for start in ("relu", "leaky_relu(0.3)")}
    listed = ", ".join(f"{start} {shown(found)}" for start, found in others.items())
    return min(found.mean for found in others.values()) > threshold, f"error of the other start - of Swish: {listed}"


def random_init(results: Results, threshold: float) -> Decided:
    found = paired(_mean_of_both(results, "era4-random"), _mean_of_both(results, "era4-swish"))
    return found.mean <= threshold, f"error of the random start - of Swish: {shown(found)}"


def clipping(results: Results, threshold: float) -> Decided:
    settings: list[tuple[str, str | None]] = [(kind, normalisation) for kind in BOTH for normalisation in ("none", None)]
    chosen: dict[bool, list[dict[int, Line]]] = {}
    errors: dict[bool, BySeed] = {}
    for clipped in (True, False):
        errors[clipped] = average(results.errors("digits", k, "era4-random", normalisation=n, clipped=clipped) for k, n in settings)
        chosen[clipped] = [results.select("digits", k, "era4-random", normalisation=n, clipped=clipped) for k, n in settings]
    diverged = {clipped: sum(line["diverged"] for found in lines for line in found.values()) for clipped, lines in chosen.items()}
    found = paired(errors[False], errors[True])
    ratio = found.mean / found.error if found.error else math.copysign(math.inf, found.mean) if found.mean else 0.0
    runs = sum(map(len, chosen[False]))
    parts = [
        f"{kind} {normalisation or results.config.architectures[kind].normalisation} "
        + shown(paired(*(measured(chosen[clipped][i], "error") for clipped in (False, True))))
        for i, (kind, normalisation) in enumerate(settings)
    ]
    text = (
        f"diverged without clipping {diverged[False]} of {runs}, with it {diverged[True]} of {runs}; error without - with "
        f"{shown(found)}, which is {ratio:.2f} standard errors ({', '.join(parts)})"
    )
    return diverged[False] > diverged[True] or ratio >= threshold, text


def normalisation(results: Results, threshold: float) -> Decided:
    own, batch, none = (_mean_of_both(results, "era4-swish", normalisation=n) for n in (None, "batch", "none"))
    more, helps = paired(batch, own), paired(none, own)
    text = f"error with batch - with layer/instance {shown(more)}; without normalisation - with layer/instance {shown(helps)}"
    return more.mean > threshold and helps.mean > 0, text


DECIDE: dict[str, Callable[[Results, float], Decided]] = {
    "beats-relu": beats_relu,
    "small-networks": small_networks,
    "swish-init": swish_init,
    "random-init": random_init,
    "clipping": clipping,
    "normalisation": normalisation,
}


def _mean_of_both(results: Results, activation: str, **options: Any) -> BySeed:
    return average(results.errors("digits", kind, activation, **options) for kind in BOTH)


# --- the report ------------------------------------------------------------------------------------------------------------


def write(results: Results, out: Path, pictures: Sequence[str], notes: Sequence[str]) -> str:
    """report.md, and the certificate of one network, re-checked; returns the summary to print."""
    outcomes = claims(results)
    certified = certificate(results, out / "certificate.json")
    config = results.config
    diverged = [line["key"] for line in results.lines.values() if line["diverged"]]
    parts = [
        "# ERA in small networks",
        f"{len(results.lines)} runs, seeds {', '.join(map(str, config.seeds))}; {len(diverged)} of them diverged (a loss that is not "
        f"finite; their error is that of chance){': ' + ', '.join(diverged) if diverged else ''}.",
        "Errors are test errors in per cent: wrong classes; for friedman the root mean square, of the standard deviation of the values. "
        "Tables have the mean ± the sample standard deviation over the seeds; differences are of runs with the same seed, with the "
        "standard error of their mean.",
        *notes,
        "## Claims",
        *listed(config.claims, outcomes),
        "## Test errors",
        *tables(results),
        "## Poles",
        "Each rational activation of each trained network, as the exact function of its coefficients. The distance is that of the nearest "
        "complex pole from the real line; a Pade unit is piecewise rational and has none, as its denominator is at least 1.",
        poles(results),
        certified,
        *(f"![{name}]({name})" for name in pictures),
    ]
    save(out / "report.md", parts)
    return "\n\n".join([activation_table(results), poles(results), certified, summed(outcomes)])


def tables(results: Results) -> list[str]:
    """Of each study, the settings with their parameters and errors."""
    parts = ["### Activations", activation_table(results)]
    for name, study in results.config.studies.items():
        rows = []
        for task in study.tasks:
            for kind in study.architectures:
                own = results.config.architectures[kind]
                for width in study.widths or (own.width,):
                    for chosen in study.normalisations:
                        normal = own.normalisation if chosen == "own" else chosen
                        for clipped in study.clipped:
                            for act in study.activations:
                                options = {"normalisation": normal, "width": width, "clipped": clipped}
                                found = results.select(task, kind, act, **options)
                                if not found:
                                    continue
                                against = results.select(task, kind, "relu", **options)
                                rows.append(
                                    [
                                        f"{task}/{kind}-{width}",
                                        normal,
                                        "yes" if clipped else "no",
                                        act,
                                        str(next(iter(found.values()))["parameters"]),
                                        _cell(found),
                                        shown(paired(measured(found, "error"), measured(against, "error")))
                                        if against and act != "relu"
                                        else "",
                                        str(sum(line["diverged"] for line in found.values())),
                                    ]
                                )
        header = ["network", "normalisation", "clipped", "activation", "parameters", "error", "error - ReLU's", "diverged"]
        parts.extend([f"### Study: {name}", table(header, rows)] if rows else [])
    return parts


def activation_table(results: Results) -> str:
    """Activations by networks, with the architecture's own normalisation."""
    study = results.config.studies["activations"]
    pairs = [(t, k) for t in study.tasks for k in study.architectures if results.select(t, k, study.activations[0])]
    rows = [[act, *(_cell(results.select(*pair, act)) for pair in pairs)] for act in study.activations]
    return table(["activation", *map("/".join, pairs)], rows)


def poles(results: Results) -> str:
    """How many activations there are, how many are proved pole free, and the least distance of a pole."""
    rows = []
    for name in sorted({r.activation for r, line in results.lines.items() if line["activations"]}):
        chosen = [(line, act) for r, line in results.lines.items() if r.activation == name for act in line["activations"]]
        decided = [(line, act) for line, act in chosen if not line["diverged"]]
        near = min(((a["distance"], line["key"]) for line, a in decided if a["distance"] is not None), default=None)
        verdicts = [str(sum(act["verdict"] == status for _, act in decided)) for status in ("proved", "refuted", "unknown")]
        least = ["", ""] if near is None else [f"{near[0]:.4g}", near[1]]
        rows.append([name, str(len(chosen)), *verdicts, str(len(chosen) - len(decided)), *least])
    return table(["activation", "units", "pole free", "with a pole", "unknown", "diverged", "nearest pole", "in"], rows)


def certificate(results: Results, path: Path) -> str:
    """Save the certificate of the ERA network with the nearest pole, re-check it from the file, and say so."""
    near = [
        (act["distance"], line["key"], line)
        for line in results.lines.values()
        for act in line["activations"]
        if act["kind"] == "ERA" and act.get("distance") is not None
    ]
    if not near:
        return "No network with ERA was trained to its end, so there is nothing to certify."
    _, key, line = min(near, key=lambda entry: entry[:2])
    verdict = xn.verify_pole_free({act["name"]: trained(act).exact() for act in line["activations"]})
    said = f"Of the ERA network with the nearest pole, {key}: {verdict.status}, {verdict.reason}."
    if verdict.certificate is None:
        return said
    verdict.certificate.save(path)
    if not xn.check(path):
        raise AssertionError(f"not accepted: {path}")
    return f"{said} The certificate is {path.name}; the checker accepts it."


def trained(act: Mapping[str, Any], moment: str = "after") -> ERA:
    """The ERA of a line, after training or before."""
    values = act[moment]
    fractions = list(zip(*(values[name] for name in "cdef"), strict=True))
    return ERA.from_coefficients((values["a"], values["b"]), fractions, epsilon=act["epsilon"])


def _cell(lines: Mapping[int, Line]) -> str:
    if not lines:
        return ""
    found = spread(line["error"] for line in lines.values())
    diverged = sum(line["diverged"] for line in lines.values())
    return f"{found.mean:.2f} ± {found.deviation:.2f}" + (f" ({diverged} diverged)" if diverged else "")
