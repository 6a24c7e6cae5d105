"""The figures that README and docs/results.md quote, each by one command."""
