"""From a manifest table to batches of images: decoding, caching, augmentation, the sampler of fakes.

Everything random is a function of (seed, epoch, picture, occurrence), so a batch can be made at any
time, by any thread, and is the same each time.
"""
