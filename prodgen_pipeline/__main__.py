"""`python -m prodgen_pipeline` is `prodgen`."""

from prodgen_pipeline.cli import main

if __name__ == "__main__":
    main()
