import threading
import time

import numpy as np
import pytest

from pipeline.inputs.making import BatchMaker


def test_it_makes_what_it_is_asked_for():
    maker = BatchMaker(lambda number: (np.full(3, number),))
    assert maker(7)[0].tolist() == [7, 7, 7]


def test_once_closed_it_says_that_there_is_no_more():
    maker = BatchMaker(lambda number: (np.full(3, number),))
    maker.close()
    with pytest.raises(StopIteration):
        maker(1)


def test_closing_waits_for_what_is_under_way():
    begun, done = threading.Event(), threading.Event()

    def slow(number):
        begun.set()
        time.sleep(0.3)
        done.set()
        return (np.array([number]),)

    maker = BatchMaker(slow)
    thread = threading.Thread(target=maker, args=(1,))
    thread.start()
    begun.wait()
    maker.close()
    assert done.is_set()
    thread.join()


def test_an_error_while_making_leaves_nothing_to_wait_for():
    def broken(number):
        raise ValueError(number)

    maker = BatchMaker(broken)
    with pytest.raises(ValueError, match="3"):
        maker(3)
    maker.close()
