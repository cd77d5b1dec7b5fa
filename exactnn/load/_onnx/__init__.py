"""The parts of the ONNX loader: values, one node at a time, and the table of operators by theme."""
