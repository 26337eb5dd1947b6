"""One stage of the corpus's life per file, with its checks, in the order in which a document passes them."""
