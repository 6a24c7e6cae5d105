"""Lists the commands: `python -m pipeline`."""

from pipeline.usage import overview

if __name__ == "__main__":
    print(overview())
