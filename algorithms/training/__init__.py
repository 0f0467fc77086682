"""The training kit that the learning algorithms share; needs the extra ``train``.

    run.py       the folder of a run: which settings made it, what of it is finished
    loop.py      fitting one network, resumable after every epoch
    export.py    torch -> ONNX with float16 storage, checked against torch
    manifest.py  model.toml
    figures.py   values with bootstrap intervals (numpy only)
    card.py      the model card (text only)

Only ``network.py``, ``train.py`` and ``folds.py`` of an algorithm may import the torch half; a running node and
``evaluate`` never do (a contract in pyproject.toml and a test say so).
"""
