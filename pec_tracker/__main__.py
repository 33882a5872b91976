"""`python -m pec_tracker` is the command `pec-tracker`."""

from pec_tracker.cli.main import main

if __name__ == "__main__":  # worker processes import this module too
    main()
