"""`python -m valle_cli` is `valle`; launchers such as torchrun start it this way."""

from valle_cli.main import entry

if __name__ == "__main__":
    entry()
