"""Writes reference_vectors.npz: what sentence-transformers makes of reference_texts.json, in float32 on a processor.

Run once, outside the project's environment (it needs torch): the embedding tests compare our engines with its vectors.
It is told where the model's files lie:

    python make_reference_vectors.py FOLDER_OF_THE_MODEL
"""

import json
import sys
from pathlib import Path

import numpy as np
import sentence_transformers
import torch

HERE = Path(__file__).parent


def main(model_folder: str) -> None:
    texts = json.loads((HERE / "reference_texts.json").read_text(encoding="utf-8"))
    model = sentence_transformers.SentenceTransformer(model_folder, device="cpu")
    vectors = model.encode(texts, batch_size=1, normalize_embeddings=True)
    # Half precision costs 1e-7 of cosine and halves the file.
    np.savez_compressed(HERE / "reference_vectors.npz", vectors=vectors.astype(np.float16))
    print(f"{vectors.shape}, sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}")


if __name__ == "__main__":
    main(sys.argv[1])
