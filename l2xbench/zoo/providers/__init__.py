"""Where a network comes from: one module a provider, each with one function `build`."""
