"""Which nodes of an ONNX graph its outputs need, in an order in which each stands behind what it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from exactnn.errors import LoadError
from exactnn.exact.numbers import shown
from exactnn.load._onnx.softplus import softplus_shortcut

if TYPE_CHECKING:
    import onnx

_LONGEST_CYCLE = 8  # names of a cycle that a message shows


def reads(node: onnx.NodeProto, producers: Mapping[str, onnx.NodeProto], *, literally: bool) -> list[str]:
    """The names that reading this node takes, or, literally, those that it names."""
    shortcut = None if literally else softplus_shortcut(node, producers)
    return [shortcut, node.input[2]] if shortcut is not None else [i for i in node.input if i]


def needed_names(outputs: Sequence[str], producers: Mapping[str, onnx.NodeProto], *, literally: bool = False) -> set[str]:
    """Every name that an output depends on."""
    needed: set[str] = set()
    todo = list(outputs)
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            if name in producers:
                todo.extend(reads(producers[name], producers, literally=literally))
    return needed


def ordered(nodes: Sequence[onnx.NodeProto], producers: Mapping[str, onnx.NodeProto], *, literally: bool = False) -> list[onnx.NodeProto]:
    """The nodes, each behind those that make what it reads, otherwise as the file has them; LoadError for a cycle, naming it."""
    place = {output: i for i, node in enumerate(nodes) for output in node.output if output}
    before = [dict.fromkeys(place[name] for name in reads(node, producers, literally=literally) if name in place) for node in nodes]
    result: list[onnx.NodeProto] = []
    done, on_way = [False] * len(nodes), [False] * len(nodes)
    for start in range(len(nodes)):
        if done[start]:
            continue
        on_way[start] = True
        way = [(start, iter(before[start]))]  # no recursion: a chain may be long
        while way:
            i, rest = way[-1]
            following = next((j for j in rest if not done[j]), None)
            if following is None:
                way.pop()
                done[i], on_way[i] = True, False
                result.append(nodes[i])
            elif on_way[following]:
                cycle = [j for j, _ in way]
                raise _cycle([nodes[j] for j in cycle[cycle.index(following) :]])
            else:
                on_way[following] = True
                way.append((following, iter(before[following])))
    return result


def _cycle(nodes: Sequence[onnx.NodeProto]) -> LoadError:
    names = [shown(next(o for o in node.output if o)) for node in nodes]
    text = " <- ".join([*names, names[0]] if len(names) <= _LONGEST_CYCLE else [*names[:_LONGEST_CYCLE], "..."])
    return LoadError(
        f"nodes: the values {text} need one another in a cycle; only feedforward graphs have an order in which they are computed"
    )
