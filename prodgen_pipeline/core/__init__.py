"""The rules of the field, pure: values in, values out.

Belongs here: records, the error tree, and every decision about text, versions, chunks, ranking and answers.
Does not: drivers, HTTP, files, clocks, randomness, the environment (time and seeds come in as arguments).
"""
