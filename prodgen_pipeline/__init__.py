"""prodgen: generative AI over private, versioned, noisy documents, in production.

The rooms, from the ground up: core, settings, storage and clients, governance, lifecycle and serving, evaluation,
resources, defs, definitions, cli. A room imports only from rooms below it; docs/architecture.md draws them.
"""

__version__ = "0.1.0"
