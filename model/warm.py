"""What a fork server loads before any run: the one module that does something when it is imported.

It compiles the loops, or loads them from the cache, and reads and learns a small table as a run does, so
that each run forked from there finds all that is loaded or made when it is first used.
"""

import gc

from model import child, job
from model.artifact import decode, encode
from model.dataset import parse_csv
from model.features import COLUMNS, SPECIES_COLUMN
from model.hyperparameters import Hyperparameters
from model.pipeline import train

__all__ = ["child", "job"]

_TABLE = ",".join((*COLUMNS, SPECIES_COLUMN)) + "\n1,1,1,1,a" * 5 + "\n2,2,2,2,b" * 5

decode(encode(train(parse_csv(_TABLE.encode(), "warm", source="warm"), Hyperparameters(epochs=1))[0]))
gc.freeze()  # a child that looked for garbage here would copy all that it looks at
