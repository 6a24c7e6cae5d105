"""Photographs drawn from nothing and tampered with, with exact masks.

`scenes` draws what stands before the camera, `camera` photographs it, `splice`, `copy_move` and
`removal` tamper with any 8-bit RGB picture, `saving` saves as cameras and editors do, and
`sample` puts all of it together into a labelled set.
"""
