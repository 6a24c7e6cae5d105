"""What stands before the camera: scenes in linear light, one family a file.

`draw.draw_scene` picks a family; each family is a function from a generator and a shape to a `Scene`.
"""
