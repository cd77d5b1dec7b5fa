"""scikit-learn's bundled handwritten digits: 8 x 8 images, pixels 0, 1, ..., 16 divided by 16, and what is held out for testing."""

from __future__ import annotations

from typing import Any

HELD_OUT = 360


def digits() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """((images, labels) to train on, (images, labels) held out), images as float32 rows of 64 pixels in [0, 1]."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    train, test, train_labels, test_labels = train_test_split(
        (images / 16).astype("float32"), labels, test_size=HELD_OUT, random_state=0, stratify=labels
    )
    return (train, train_labels), (test, test_labels)
