"""`python -m l2xbench`."""

from l2xbench.cli import main

main()
