"""The detector as it is used: pictures in, probabilities, verdicts and maps out."""
