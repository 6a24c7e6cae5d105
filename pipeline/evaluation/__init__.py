"""How good answers are: figures, the threshold, and how far each figure can be trusted."""
