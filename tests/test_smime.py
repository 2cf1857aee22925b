"""A signature says whether the mail is what its author signed, and damage never makes a good one of it."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from bridge.mail.smime import Outcome, Signature, signed_content, verify

CONTENT = b"Content-Type: text/plain\r\n\r\nPay 100 EUR\r\n"
VALID = Signature(outcome=Outcome.VALID, signers=("anna@berg.example",))

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


def certificate(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "Anna@Berg.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(2**80).not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
    return builder.not_valid_after(datetime(2035, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())


def signed(
    key: Key = ELLIPTIC, *options: PKCS7Options, pss: bool = False, certificates: tuple[x509.Certificate, ...] = ()
) -> bytes:
    builder = PKCS7SignatureBuilder().set_data(CONTENT)
    way = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH) if pss else None
    builder = builder.add_signer(certificate(key), key, hashes.SHA256(), rsa_padding=way)
    for one in certificates:
        builder = builder.add_certificate(one)
    return builder.sign(Encoding.DER, [PKCS7Options.Binary, *options])


APART = signed(ELLIPTIC, PKCS7Options.DetachedSignature)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(APART, id="elliptic, apart"),
        pytest.param(signed(RSA, PKCS7Options.DetachedSignature), id="rsa"),
        pytest.param(signed(RSA, PKCS7Options.DetachedSignature, pss=True), id="rsa pss"),
        pytest.param(signed(), id="content within"),
        pytest.param(signed(ELLIPTIC, PKCS7Options.NoAttributes), id="without attributes"),
        pytest.param(signed(ELLIPTIC, certificates=(certificate(RSA),)), id="beside another certificate"),
    ],
)
def test_what_was_signed_is_known_as_such_and_what_was_changed_is_not(made: bytes) -> None:
    assert verify(made, CONTENT) == VALID
    assert verify(made, CONTENT.replace(b"100", b"900")).outcome is Outcome.BROKEN


def test_content_within_its_signature_is_found() -> None:
    assert signed_content(signed()) == CONTENT
    assert signed_content(APART) is None


def test_a_signature_without_its_certificate_proves_nothing() -> None:
    assert verify(signed(ELLIPTIC, PKCS7Options.NoCerts), CONTENT).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("junk", [b"", b"0", b"\x30\x80", b"\x30\x03\x02\x01\x01", b"hello", b"\x30\x80" * 500])
def test_what_is_no_signature_proves_nothing(junk: bytes) -> None:
    assert verify(junk, CONTENT).outcome is Outcome.UNKNOWN


@given(st.integers(0, len(APART) - 1), st.integers(1, 255))
def test_no_damage_lets_other_content_pass(at: int, change: int) -> None:
    damaged = bytearray(APART)
    damaged[at] ^= change
    assert verify(bytes(damaged), CONTENT + b"!").outcome is not Outcome.VALID
    verify(bytes(damaged[:at]), CONTENT)
