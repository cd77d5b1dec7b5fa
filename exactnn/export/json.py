"""Networks to exact JSON files (docs/network-format.md)."""

from __future__ import annotations

import json
import os

from exactnn.exact.files import write_text
from exactnn.network import Network
from exactnn.network.document import document


def save_json(net: Network, path: str | os.PathLike[str]) -> None:
    """Write the network as exact JSON, one node a line; loading it gives an equal network."""
    whole = document(net)
    nodes = whole.pop("nodes")
    head = json.dumps(whole, ensure_ascii=True)[:-1]
    lines = ",\n".join("  " + json.dumps(node, ensure_ascii=True) for node in nodes)
    write_text(path, f'{head},\n "nodes": [\n{lines}]}}\n')
