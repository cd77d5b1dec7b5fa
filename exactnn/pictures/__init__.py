"""What the pictures of all rooms share: Axes and files, colours, windows, and the drawing of exact points."""
