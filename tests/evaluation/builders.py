import numpy as np
import pandas as pd


def answers(target, logit, **columns):
    """Labelled answers, with the probability of each logit."""
    logit = np.asarray(logit, float)
    table = pd.DataFrame({"target": target, "logit": logit, "probability_fake": 1 / (1 + np.exp(-logit))})
    return table.assign(**columns)
