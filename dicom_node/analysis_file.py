"""An analysis result on disk: ``analysis.json`` and ``analysis.npz``, from which the same result is read again."""
