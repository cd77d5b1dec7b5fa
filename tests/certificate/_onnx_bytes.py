"""ONNX files written byte by byte, well formed or not."""

import struct


def varint(value):
    value %= 2**64
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    """A field: an int as varint, bytes and text with their length, a float as fixed32."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def initializer(name, shape, values, kind=1, raw=True):
    letters = {1: "f", 7: "q", 11: "d"}
    out = b"".join(field(1, n) for n in shape) + field(2, kind) + field(8, name)
    data = struct.pack(f"<{len(values)}{letters[kind]}", *values)
    if raw:
        return out + field(9, data)
    if kind == 7:
        return out + field(7, b"".join(varint(v) for v in values))
    return out + field({1: 4, 11: 10}[kind], data)


def value_info(name, shape, kind=1):
    dims = b"".join(field(1, field(2, n) if isinstance(n, str) else field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def operation(kind, inputs, outputs, **attributes):
    out = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + field(4, kind)
    for name, value in attributes.items():
        if isinstance(value, bytes):
            out += field(5, field(1, name) + field(5, value) + field(20, 4))
        elif isinstance(value, float):
            out += field(5, field(1, name) + field(2, value) + field(20, 1))
        else:
            out += field(5, field(1, name) + field(3, value) + field(20, 2))
    return out


def model(nodes, initializers, inputs, outputs, more=b"", extra=b""):
    graph = b"".join(field(1, n) for n in nodes) + field(2, "graph") + b"".join(field(5, t) for t in initializers)
    graph += b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs) + more
    return field(1, 8) + field(7, graph) + field(8, field(2, 17)) + extra
