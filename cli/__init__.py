"""The command line: typer commands, and the one place where real parts are wired together."""
