"""What Content Credentials mean: each state by a file that is in it."""

import datetime
import socket
import sys
import time

import pytest

from pipeline.errors import UserError
from pipeline.examination.credentials import (
    BROKEN,
    EXPIRED,
    NONE,
    NOT_ASKED,
    TRUSTED,
    UNTRUSTED,
    read_credentials,
    read_trusted,
)
from tests.examination.drawn import saved, texture

pytest.importorskip("c2pa")
from tests.examination.signed import signed, trusted

PLAIN = saved(texture(96, 128))
SIGNED = signed(PLAIN)


def test_none_says_nothing():
    found = read_credentials(PLAIN, "JPEG")
    assert found.state == NONE
    assert "That says nothing" in found.words
    assert not found.claims


def test_intact_ones_of_whom_nobody_knows_are_untrusted():
    found = read_credentials(SIGNED, "JPEG")
    assert found.state == UNTRUSTED
    assert "anybody can sign like that" in found.words
    assert "No list was given (--trusted FILE)" in found.words
    other = signed(PLAIN)  # by another signer under the same authority
    assert read_credentials(other, "JPEG").state == UNTRUSTED


def test_what_is_claimed_is_told():
    claims = read_credentials(SIGNED, "JPEG").claims
    assert ("signed by", "Test signer") in claims
    assert ("made with", "Generator <b>X</b> 1") in claims
    assert any(name == "action" and "made by a generative model" in value for name, value in claims)


def test_those_signed_by_one_on_the_list_are_trusted():
    found = read_credentials(SIGNED, "JPEG", trusted())
    assert found.state == TRUSTED
    assert "that signer's word" in found.words


@pytest.mark.parametrize("known", [False, True], ids=["unknown signer", "known signer"])
def test_a_picture_that_was_changed_afterwards_has_broken_ones(known):
    changed = bytearray(SIGNED)
    changed[-400] ^= 0x55
    found = read_credentials(bytes(changed), "JPEG", trusted() if known else None)
    assert found.state == BROKEN
    assert any("assertion.dataHash.mismatch" in code for code, _ in found.problems)


def test_ones_whose_certificate_has_run_out_are_expired():
    content = signed(PLAIN, datetime.timedelta(seconds=2))
    time.sleep(3.2)
    for known in (None, trusted()):
        found = read_credentials(content, "JPEG", known)
        assert found.state == EXPIRED, found.problems
        assert "has run out" in found.words


def test_half_a_manifest_is_broken_and_no_trouble():
    start = SIGNED.index(b"jumb")
    damaged = SIGNED[: start + 40] + bytes(60) + SIGNED[start + 100 :]
    assert read_credentials(damaged, "JPEG").state == BROKEN


def test_nothing_is_asked_of_any_server(monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert read_credentials(SIGNED, "JPEG", trusted()).state == TRUSTED


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found = read_credentials(SIGNED, "JPEG")
    assert found.state == NOT_ASKED
    assert "pip install fake-image-detection[c2pa]" in found.words


def test_a_list_without_certificates_is_refused(tmp_path):
    (tmp_path / "list.pem").write_text("nobody")
    with pytest.raises(UserError, match=r"holds no certificate; expected a file in PEM"):
        read_trusted(tmp_path / "list.pem")
    with pytest.raises(UserError, match="cannot be read"):
        read_trusted(tmp_path / "missing.pem")
