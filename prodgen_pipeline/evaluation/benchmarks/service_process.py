"""The process that `bench service` asks: the query service as `python -m prodgen_pipeline.serving` runs it.

Belongs here: nothing but that. Settings come pickled on standard input, the port goes in a line to standard output.
"""

import pickle
import sys

from prodgen_pipeline.serving.__main__ import serve
from prodgen_pipeline.serving.workers import bind


def main() -> None:
    """Serve on a free port until SIGTERM."""
    settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
    bound = bind("127.0.0.1", 0)
    print(bound.getsockname()[1], flush=True)
    serve(settings, bound)


if __name__ == "__main__":
    main()
