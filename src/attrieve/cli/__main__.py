"""``python -m attrieve.cli``: the command line without an installed script."""

from attrieve.cli.main import main

if __name__ == "__main__":
    main()
