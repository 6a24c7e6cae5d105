"""The detectors: one file each, built from the configuration, saved and loaded.

Every network takes float images (batch, height, width, 3) and answers with a dictionary:
`logit` (batch,) of being fake, in float32.
"""
