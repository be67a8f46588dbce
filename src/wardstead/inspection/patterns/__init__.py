"""The windowed core: patterns as data, compiled to automata, searched in what a text looks like, and the guard for streams.

``catalogue``, ``pattern`` and ``needs`` read detectors; ``scanning``, ``finding`` and ``matching`` find them; ``folding``,
``decoding`` and ``encoded`` see through disguise; ``searching`` does it for whole texts, ``guard`` for texts in pieces.
"""
