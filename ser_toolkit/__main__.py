"""``python -m ser_toolkit``, for launchers that start modules."""

from ser_toolkit.cli import main

if __name__ == "__main__":
    main()
