"""Content Credentials (C2PA): what a file claims of its origin, and whether that claim holds. Offline.

A manifest is signed; the signature says that what it states has not changed since, and by whom it was
stated, as far as one trusts the certificate. Whether it is true, it does not say. Of 42 edits by AI models 24
declared themselves, 13 of them only behind an expired or unknown certificate; of 12 edits by Photoshop none
did, nor any of 560 genuine pictures: that there are none says nothing.

Reference: C2PA Technical Specification 2.2, 15 (validation).
"""

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.errors import UserError
from pipeline.examination.xmp import source_type
from pipeline.images.file_facts import one_line

NONE, NOT_ASKED = "none", "not looked for"
BROKEN, EXPIRED, UNTRUSTED, TRUSTED = "broken", "expired", "intact, but untrusted", "trusted"
_MEANS = {
    NONE: (
        "The file carries no Content Credentials. That says nothing: most genuine pictures and most edited "
        "ones have none."
    ),
    NOT_ASKED: "They were not looked for: pip install fake-image-detection[c2pa] brings the library.",
    BROKEN: (
        "It carries Content Credentials that do not hold: the picture or they were changed after they were "
        "signed, or they were not made as they should be. What they claim has no weight."
    ),
    EXPIRED: (
        "Its Content Credentials are intact, but the certificate has run out, and no trusted clock says that "
        "they were signed before. What they claim may be true; nobody vouches for it."
    ),
    UNTRUSTED: (
        "Its Content Credentials are intact: nothing has changed since they were signed. But nobody on your "
        "list of trusted certificates vouches for the signer, and anybody can sign like that."
    ),
    TRUSTED: (
        "Its Content Credentials are intact, and signed by somebody on your list of trusted certificates. "
        "What they claim is that signer's word."
    ),
}
_NO_LIST = " No list was given (--trusted FILE), so that nobody is trusted."
_CREDENTIAL = "signingCredential."
_EXPIRED = {"signingCredential.expired", "timeStamp.outsideValidity", "claimSignature.outsideValidity"}
_MOST_ACTIONS = 40
_MIME = {
    "JPEG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff", "WEBP": "image/webp", "GIF": "image/gif",
    "AVIF": "image/avif", "HEIF": "image/heic", "JXL": "image/jxl",
}  # fmt: skip


class Credentials(NamedTuple):
    """What was found.

    Attributes:
        state: `NONE`, `NOT_ASKED`, `BROKEN`, `EXPIRED`, `UNTRUSTED` or `TRUSTED`.
        words: what that means, and no more.
        claims: (name, value) of what the credentials state: signer, program, actions, sources.
        problems: what the check found, (code, explanation).
    """

    state: str
    words: str
    claims: tuple[tuple[str, str], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


def read_credentials(content: bytes, kind: str, trusted: str | None = None) -> Credentials:
    """Read the Content Credentials of a file, without any connection to anywhere.

    Args:
        content: the file.
        kind: its format, a key of `files.ENDINGS`.
        trusted: certificates (PEM) of those who are trusted; None: nobody is.
    """
    try:
        import c2pa
    except ImportError:
        return Credentials(NOT_ASKED, _MEANS[NOT_ASKED])
    if kind not in _MIME:
        return Credentials(NONE, _MEANS[NONE])
    try:
        with c2pa.Context.from_dict(_settings(trusted)) as context:
            reader = c2pa.Reader.try_create(_MIME[kind], io.BytesIO(content), None, context)
            if reader is None:
                return Credentials(NONE, _MEANS[NONE])
            with reader:
                return _judged(json.loads(reader.json()), trusted is not None)
    except (c2pa.C2paError, ValueError) as error:
        why = one_line(error, 200)
        return Credentials(BROKEN, _MEANS[BROKEN], problems=(("cannot be read", why),))


def read_trusted(path: Path) -> str:
    """Read a list of trusted certificates; raise UserError where it holds none."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise UserError(f"--trusted {path} cannot be read: {error.strerror or error}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise UserError(
            f"--trusted {path} holds no certificate; expected a file in PEM, such as the C2PA trust list"
        )
    return text


def _settings(trusted: str | None) -> dict[str, Any]:
    verify = {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}
    return {"verify": verify} | ({"trust": {"trust_anchors": trusted}} if trusted else {})


def _judged(store: Mapping[str, Any], with_list: bool) -> Credentials:
    """Return what a manifest store says, as the library has validated it."""
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    results = store.get("validation_results", {}).get("activeManifest", {})
    failed = {
        str(each.get("code")): one_line(each.get("explanation"), 200) for each in results.get("failure", [])
    }
    if store.get("validation_state") == "Trusted":
        state = TRUSTED
    elif any(not code.startswith(_CREDENTIAL) and code not in _EXPIRED for code in failed):
        state = BROKEN
    elif not _EXPIRED.isdisjoint(failed):
        state = EXPIRED
    elif set(failed) <= {f"{_CREDENTIAL}untrusted"}:
        state = UNTRUSTED
    else:
        state = BROKEN
    words = _MEANS[state] + (_NO_LIST if state == UNTRUSTED and not with_list else "")
    return Credentials(state, words, tuple(_claims(active)), tuple(failed.items()))


def _claims(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a manifest states."""
    signed = manifest.get("signature_info") or {}
    names = [signed.get("issuer"), signed.get("common_name")]
    if signer := ", ".join(dict.fromkeys(one_line(name, 120) for name in names if name)):
        yield "signed by", signer
    yield "signed on", one_line(signed.get("time")) or "no trusted clock says when"
    for program in manifest.get("claim_generator_info") or []:
        yield "made with", one_line(f"{program.get('name', '')} {program.get('version', '')}", 120)
    count = 0
    for assertion in manifest.get("assertions") or []:
        if not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        for action in (assertion.get("data") or {}).get("actions") or []:
            count += 1
            if count > _MOST_ACTIONS:
                yield "…", "further actions are not shown"
                return
            kind = str(action.get("digitalSourceType", ""))
            meaning = source_type(kind)
            agent = action.get("softwareAgent")
            program = agent.get("name") if isinstance(agent, dict) else agent
            told = [
                action.get("action"),
                program,
                meaning or kind.rpartition("/")[2],
                action.get("description"),
            ]
            yield "action", one_line(", ".join(str(each) for each in told if each), 240)
    for ingredient in (manifest.get("ingredients") or [])[:_MOST_ACTIONS]:
        title = one_line(ingredient.get("title") or ingredient.get("format"), 120)
        yield "made from", f"{title} ({ingredient.get('relationship', 'ingredient')})"
