"""`python -m l2xbench`."""

from l2xbench.cli import main

if __name__ == "__main__":  # worker processes import this module
    main()
