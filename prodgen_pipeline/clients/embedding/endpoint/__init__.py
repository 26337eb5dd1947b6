"""Vectors from an OpenAI-compatible endpoint: `embedder.EndpointEmbedder`.

`planning` cuts texts into requests, `limits` says when the next may go, `requests` sends one, `answers` reads what came
back, `patience` says whether to try again, `embedder` keeps several in flight and finds the text that is refused.
"""
