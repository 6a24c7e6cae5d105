"""Content Credentials made in the test: a certificate of its own, and a file that is signed with it."""

import datetime
import functools
import io

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MANIFEST = {
    "claim_generator_info": [{"name": "Generator <b>X</b>", "version": "1"}],
    "title": "drawn.jpg",
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": (
                            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
                        ),
                    }
                ]
            },
        }
    ],
}


@functools.cache
def authority():
    """Return the key and the certificate of one that certifies others."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate("Test authority", key, key, None, datetime.timedelta(days=3650))


def trusted():
    """Return the authority's certificate in PEM, as a list of trusted ones has it."""
    return _pem(authority()[1]).decode()


def signed(content, valid=datetime.timedelta(days=365)):
    """Return a JPEG with credentials, signed by one whose certificate is valid for so long."""
    import c2pa

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("Test signer", key, *authority(), valid)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = _pem(certificate) + _pem(authority()[1])
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, private, None)
    target = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(MANIFEST) as builder:
        builder.sign(signer, "image/jpeg", io.BytesIO(content), target)
    return target.getvalue()


def _certificate(name, key, issuer_key, issuer, valid):
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name(
        [x509.NameAttribute(oid, name) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)]
    )
    is_authority = issuer is None
    usage = x509.KeyUsage(True, False, False, False, False, is_authority, is_authority, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if not is_authority:
        emails = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(emails, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
