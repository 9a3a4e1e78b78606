"""Starts the server from a checkout: ``cd src/backend && python api_server.py``. Options as of ``neuronscope serve``."""

import sys

from neuronscope.cli.main import cli

if __name__ == "__main__":
    cli(["serve", *sys.argv[1:]])
