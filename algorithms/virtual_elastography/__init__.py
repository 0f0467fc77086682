"""Virtual elastography: from a B-mode picture to a synthetic elastogram, for a person to confirm."""
