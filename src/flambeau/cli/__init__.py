"""The command line: ``flambeau run``, ``flambeau demo``, ``flambeau doctor``."""

from flambeau.cli.main import main

__all__ = ["main"]
