"""How good answers are: metrics, the threshold, and how far each metric can be trusted."""
