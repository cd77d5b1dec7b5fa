"""`exactnn calibrate`: the temperature of logits with the least loss, in a proved bracket, and calibration errors before and after."""

from __future__ import annotations

import argparse
import math
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.cli._arrays import read_array
from exactnn.cli._options import CERTIFICATE, add_output, check_apart, check_target
from exactnn.cli._outcome import DONE, REFUTED, Outcome, between, certificate_line, line, log, report
from exactnn.cli._picture import check_picture, write_picture
from exactnn.errors import ArgumentError, NoOptimalTemperature
from exactnn.exact.numbers import rational_text
from exactnn.exact.progress import doing
from exactnn.texts import rounded

if TYPE_CHECKING:
    import numpy as np

    from exactnn.cooling import Temperature

_BINNING = ("bins", "binning", "closed", "mode", "ties", "ignore_label")


def add_calibrate(parser: argparse.ArgumentParser) -> None:
    """calibrate LOGITS LABELS."""
    parser.add_argument("logits", metavar="LOGITS.npy", help="logits (..., classes), or a vector of logits of class 1 against class 0")
    parser.add_argument("labels", metavar="LABELS.npy", help="integers from 0, one for each row of logits")
    parser.add_argument("--class-axis", metavar="AXIS", type=int, default=-1, help="the axis of the classes (-1, the last)")
    parser.add_argument("--ignore-label", metavar="N", type=int, help="leave out the samples with this label")
    parser.add_argument("--bins", metavar="N", type=int, default=15, help="bins of the calibration errors (15)")
    parser.add_argument("--binning", choices=("width", "mass"), default="width", help="bins of equal width, or of equal numbers of samples")
    parser.add_argument("--closed", choices=("right", "left"), default="right", help="which end belongs to a bin of equal width (right)")
    parser.add_argument("--mode", choices=("top-label", "classwise"), default="top-label", help="which confidences (top-label)")
    parser.add_argument("--ties", choices=("first", "last", "share"), default="first", help="the predicted one of equal logits (first)")
    parser.add_argument(
        "--digits", metavar="D", type=int, help="bounds of tau at most 10^-D apart in relation to it, by balls: for small data"
    )
    parser.add_argument("--plot", metavar="OUT.png", help="draw the reliability diagrams before and after (.png, .pdf, .svg)")
    parser.add_argument("--save", metavar="OUT.npy", help="write the probabilities softmax(tau logits) there, classes last")
    parser.add_argument("--certificate", metavar="OUT.json", help=f"of the bounds of tau, or why there is none: {CERTIFICATE}")
    add_output(parser)
    parser.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> Outcome:
    from exactnn.cooling import optimal_temperature

    inputs = [options.logits, options.labels]
    check_picture(options.plot, "--plot", inputs)
    check_target(options.save, "--save", inputs)
    check_target(options.certificate, "--certificate", inputs)
    check_apart(options, "plot", "save", "certificate")
    if options.plot is not None and options.mode == "classwise":
        raise ArgumentError("--plot: a diagram is of --mode top-label, got classwise")
    logits, labels = (read_array(path, name) for path, name in zip(inputs, ("LOGITS", "LABELS"), strict=True))
    if labels.dtype.kind == "f":
        raise ArgumentError(f"{options.labels}: integers are needed, got an array of {labels.dtype}")
    if labels.ndim > 1 and labels.shape == logits.shape:
        raise ArgumentError(f"{options.labels}: one integer for each row of logits is needed, got rows; one-hot ones go through argmax")
    start = time.perf_counter()
    tau: Temperature | None = None
    why: NoOptimalTemperature | None = None
    try:
        with doing("the temperature with the least loss"):
            tau = optimal_temperature(
                logits, labels, class_axis=options.class_axis, ignore_label=options.ignore_label, digits=options.digits
            )
    except NoOptimalTemperature as error:
        why = error
    log(options, f"decided in {time.perf_counter() - start:.2f} s")
    certificate: Any = None
    if options.certificate is not None:
        certificate = why.certificate if why is not None else tau.certificate if tau is not None else None
    rows = logits if logits.ndim > 1 else _against_zero(logits)
    axis = options.class_axis if logits.ndim > 1 else -1
    scales = {"before": Fraction(1)} | ({} if tau is None else {"after": _near(tau)})
    probabilities = {name: softmax(rows, scale, axis) for name, scale in scales.items()}
    chosen = {name: getattr(options, name) for name in _BINNING}
    errors = {name: _errors(p, labels, chosen) for name, p in probabilities.items()}
    details = [_line(name, found) for name, found in errors.items()]
    if tau is not None and options.save is not None:
        _save(options.save, probabilities["after"])
        details.append(f"  probabilities: {line(options.save)}")
    written = None
    if certificate is not None:
        written = str(certificate.save(options.certificate))
        details.append(certificate_line(written))
    if options.plot is not None:
        _plot(options.plot, probabilities, labels, chosen)
        details.append(f"  picture: {line(options.plot)}")
    document = report(
        options,
        "done" if tau is not None else "refuted",
        start,
        tau=None if tau is None else _document(tau),
        reason=None if why is None else why.reason,
        message=None if why is None else str(why),
        samples=int(labels.size if options.ignore_label is None else (labels != options.ignore_label).sum()),
        **chosen,
        errors={
            name: {key: value if isinstance(value, float) else rational_text(value) for key, value in found.items()}
            for name, found in errors.items()
        },
        plot=options.plot,
        saved=options.save if tau is not None else None,
        certificate=written,
    )
    if tau is None:
        assert why is not None
        return Outcome(REFUTED, f"NO OPTIMUM ({why.reason}): {line(str(why))}", document, details)
    shown = max(6, len(str(tau.lower // (tau.upper - tau.lower))) + 2)  # so many that the ends differ
    low, high = between(tau.lower, tau.upper, shown)
    named = repr(tau.value) if _near(tau) == tau.value else rounded(_near(tau), 17)[0]
    headline = f"CALIBRATED: logits times tau = {named} have the least loss"
    inverse = rounded(2 / (tau.lower + tau.upper), 17)[0]
    bounds = f"  {low} < tau < {high}, {rounded(tau.upper - tau.lower, 2)[0]} apart, proved; T = 1/tau = {inverse}"
    return Outcome(DONE, headline, document, [bounds, *details])


def _near(tau: Temperature) -> Fraction:
    """`value`, or the middle of the bracket where no float is in it: beyond 2^1024, say."""
    inside = math.isfinite(tau.value) and tau.lower < Fraction(tau.value) < tau.upper
    return Fraction(tau.value) if inside else (tau.lower + tau.upper) / 2


def _document(tau: Temperature) -> dict[str, float | str | None]:
    value = tau.value if math.isfinite(tau.value) else None
    return {"value": value, "lower": rational_text(tau.lower), "upper": rational_text(tau.upper)}


def softmax(logits: np.ndarray[Any, Any], tau: Fraction, axis: int) -> np.ndarray[Any, Any]:
    """softmax(tau logits) in float64, the classes last; tau > 0 and the logits may be of any size."""
    import numpy as np

    z = np.moveaxis(logits, axis, -1)
    z = z.astype(np.int64 if z.dtype.kind == "i" else np.uint64 if z.dtype.kind == "u" else np.promote_types(z.dtype, np.float64))
    top = z.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):
        if z.dtype.kind == "f":
            distances = np.asarray(top - z, dtype=np.float64)
        else:  # modulo 2^64, since a difference of two int64 may be beyond them; large integers are no floats
            distances = (top.astype(np.uint64) - z.astype(np.uint64)).astype(np.float64)
        far = np.isinf(distances)  # half of them are floats
        distances = np.where(far, np.asarray(top / 2 - z / 2, dtype=np.float64), distances)
        exponent = tau.numerator.bit_length() - tau.denominator.bit_length() + 1
        factor = float(tau / Fraction(2) ** exponent)  # between 1/4 and 1
        mantissa, size = np.frexp(distances)  # of subnormal ones, too, the product has all bits
        e = np.exp(-np.ldexp(factor * mantissa, size + exponent + far))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _against_zero(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.stack([np.zeros_like(logits), logits], axis=-1)


def _errors(probabilities: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], chosen: dict[str, Any]) -> dict[str, Fraction | float]:
    from exactnn.cooling import expected_calibration_error, maximum_calibration_error

    return {
        "ece": expected_calibration_error(probabilities, labels, **chosen),
        "rmsce": expected_calibration_error(probabilities, labels, norm="l2", **chosen),
        "mce": maximum_calibration_error(probabilities, labels, **chosen),
        "weighted_mce": maximum_calibration_error(probabilities, labels, weighted=True, **chosen),
    }


def _line(name: str, found: dict[str, Fraction | float]) -> str:
    texts = (rounded(Fraction(found[key]))[0] for key in ("ece", "rmsce", "mce", "weighted_mce"))
    return "  {}: ECE {}, l2 {}, MCE {}, weighted {}".format(name.ljust(6), *texts)


def _plot(path: str, probabilities: dict[str, np.ndarray[Any, Any]], labels: np.ndarray[Any, Any], chosen: dict[str, Any]) -> None:
    from matplotlib import pyplot

    from exactnn.cooling import reliability_diagram

    count = len(probabilities)
    _, grid = pyplot.subplots(1, count, layout="constrained", figsize=(5.2 * count, 4.8), squeeze=False)
    for axes, (name, p) in zip(grid[0], probabilities.items(), strict=True):
        reliability_diagram(p, labels, **chosen).plot(ax=axes)
        axes.set_title(f"{name}: {axes.get_title()}", fontsize="medium")
    write_picture(grid[0][0], path)


def _save(path: str, probabilities: np.ndarray[Any, Any]) -> None:
    import io

    import numpy as np

    from exactnn.exact.files import write_bytes

    data = io.BytesIO()
    np.save(data, probabilities, allow_pickle=False)
    write_bytes(path, data.getvalue())
