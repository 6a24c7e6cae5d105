"""Fitting a network: the machine's precision and seeds, epochs, validation, early stopping, progress."""
