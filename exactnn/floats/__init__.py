"""The float run of a network, with torch or numpy: it proposes points, trains and draws, and decides nothing.

Importing this room loads neither torch nor anything else; its modules do.
"""
