import numpy as np

from pipeline.inputs.cells import TAMPERED, UNKNOWN, UNTOUCHED, cells_of, tampered_share


def test_a_cell_is_what_most_of_it_is_and_unknown_where_it_is_little_of_it():
    mask = np.zeros((16, 30), bool)
    mask[:, :8] = True  # both cells whole
    mask[:8, 8:12] = True  # half of a cell
    mask[8:, 8] = True  # an eighth of one
    assert cells_of(mask).tolist() == [[TAMPERED, TAMPERED, UNTOUCHED], [TAMPERED, UNKNOWN, UNTOUCHED]]


def test_shares_leave_out_what_fills_no_cell():
    assert tampered_share(np.ones((15, 23), bool)).tolist() == [[1.0, 1.0]]
