"""What each command does, and what it shows on the terminal; `cli` parses and calls."""
