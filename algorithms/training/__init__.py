"""The training kit that the learning algorithms share; needs the extra ``train``.

    run.py       the folder of a run: which settings made it, what of it is finished
    loop.py      fitting one network, resumable after every epoch
    export.py    torch -> ONNX with weights in two bytes or one, checked against torch
    manifest.py  model.toml
    figures.py   values with bootstrap intervals (numpy only)
    card.py      the model card (text only)

Only an algorithm's networks, losses, training and folds (a contract in pyproject.toml names the modules) may import the
torch half; a running node and ``evaluate`` never do (another contract and a test say so).
"""
