"""`python -m cityvitals` is the command line."""

from cityvitals.cli import main

if __name__ == "__main__":
    main()
