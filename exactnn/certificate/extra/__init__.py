"""Evidence that is searched for again: no short witness is known. A claim that rests on it says so when it is checked.

Sound: all sets, or all distributions of neurons, are gone through again.
"""
