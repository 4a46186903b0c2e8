"""The demonstration: real recorded measurements through the whole pipeline in two minutes.

The data were measured elsewhere (see `data/NOTICE.md`) and are re-dated by whole weeks; nothing
here claims that they were measured in the neighbourhoods whose names the demo labs carry.
"""
