"""Trains a detector of fake photographs and measures how far it can be believed."""
