"""``python -m wardstead.cli``."""

from wardstead.cli.main import run

if __name__ == "__main__":
    run()
