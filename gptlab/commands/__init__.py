"""The command line, a module a command: `add` declares its options, `run` does it.

Nothing heavy is imported before a command runs, so that `--help` stays quick.
"""
