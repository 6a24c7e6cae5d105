"""The detectors: one file each, built from the configuration, saved and loaded.

A network takes a dictionary, `image` (batch, height, width, 3) and, where it looks at them, the files' tables
`quantisation` (batch, 8, 8), and answers with one: `logit` (batch,) of being fake and, where it localises,
`map` (batch, height / 8, width / 8) of each 8 × 8 block being tampered. A forest answers with `logit` for
features.
"""
