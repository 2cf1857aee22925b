"""S/MIME signatures (RFC 8551) verified: CMS SignedData (RFC 5652), with its content inside or apart (RFC 1847).

Answers whether the content is what the owner of the enclosed certificate signed. It does not ask who issued that
certificate, nor whether it was revoked: whoever shows the answer says so. Reads only as much of BER as it needs. Never
raises; linear in the input.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_RSA_PSS = bytes.fromhex("2a864886f70d01010a")
# SHA-1 and MD5 prove nothing any more (RFC 8551 appendix B), so they are not here.
_HASHES: dict[bytes, type[hashes.HashAlgorithm]] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256,
    bytes.fromhex("608648016503040202"): hashes.SHA384,
    bytes.fromhex("608648016503040203"): hashes.SHA512,
}
_CONSTRUCTED = 0x20
_OBJECT_ID = 0x06
_SEQUENCE = 0x30
_SET = 0x31
_IMPLICIT_0 = 0xA0
# Values within values: SignedData needs six levels down to its content.
_DEEPEST = 16
_MOST_CERTIFICATES = 20
_MOST_SIGNERS = 5


class Outcome(Enum):
    """What became of a signature."""

    VALID = auto()
    BROKEN = auto()  # the content is not what was signed, or the signature is not the certificate's
    UNKNOWN = auto()  # no certificate, an algorithm that proves nothing, or no readable signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A verified signature: the addresses, lower case, that the signer's certificate is for, where it is VALID."""

    outcome: Outcome
    signers: tuple[str, ...] = ()


# What reading a damaged certificate may raise.
_UNREADABLE = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
_UNKNOWN = Signature(outcome=Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Element:
    """One value of BER: its tag, its content, and both with the length as they stand."""

    tag: int
    value: memoryview
    whole: memoryview


def signed_content(der: bytes) -> bytes | None:
    """The MIME entity that was signed, or None where `der` is no SignedData with its content inside."""
    try:
        encapsulated = list(_elements(_signed_data(der)[2].value))
        inner = next(_elements(encapsulated[1].value))
        return _octets(inner, depth=0)
    except (IndexError, StopIteration, ValueError):
        return None


def verify(der: bytes, content: bytes) -> Signature:
    """Whether the SignedData `der` holds a good signature of `content`; of several each has to be good."""
    try:
        signed = _signed_data(der)
        certificates = [one for part in signed[3:-1] if part.tag == _IMPLICIT_0 for one in _certificates(part)]
        signers = list(_elements(signed[-1].value))[:_MOST_SIGNERS]
        outcomes = [_verified(list(_elements(one.value)), certificates, content) for one in signers]
    except (IndexError, StopIteration, *_UNREADABLE):
        return _UNKNOWN
    for wanted in (Outcome.BROKEN, Outcome.UNKNOWN, Outcome.VALID):
        if found := next((one for one in outcomes if one.outcome is wanted), None):
            return found
    return _UNKNOWN


def _verified(info: Sequence[_Element], certificates: Sequence[x509.Certificate], content: bytes) -> Signature:
    """The outcome of one SignerInfo (RFC 5652 section 5.3)."""
    _, identifier, digest_algorithm, *rest = info
    attributes = rest.pop(0) if rest[0].tag == _IMPLICIT_0 else None
    algorithm = _HASHES.get(_object_id(digest_algorithm))
    certificate = next((one for one in certificates if _is_meant(one, identifier)), None)
    if algorithm is None or certificate is None:
        return _UNKNOWN
    signed = content
    if attributes is not None:
        if not hmac.compare_digest(_message_digest(attributes), _digest(content, algorithm)):
            return Signature(outcome=Outcome.BROKEN)
        signed = bytes([_SET]) + bytes(attributes.whole[1:])  # signed as the SET it is, not under its tag here
    try:
        if not _fits(certificate, bytes(rest[1].value), signed, algorithm(), pss=_object_id(rest[0]) == _RSA_PSS):
            return _UNKNOWN
    except InvalidSignature:
        return Signature(outcome=Outcome.BROKEN)
    return Signature(outcome=Outcome.VALID, signers=_addresses(certificate))


def _fits(
    certificate: x509.Certificate, signature: bytes, signed: bytes, algorithm: hashes.HashAlgorithm, *, pss: bool
) -> bool:
    """True where the signature is the certificate's, InvalidSignature where it is not; False for other kinds of key."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        probabilistic = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=padding.PSS.AUTO)
        key.verify(signature, signed, probabilistic if pss else padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(algorithm))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    else:
        return False
    return True


def _digest(content: bytes, algorithm: type[hashes.HashAlgorithm]) -> bytes:
    made = hashes.Hash(algorithm())
    made.update(content)
    return made.finalize()


def _message_digest(attributes: _Element) -> bytes:
    """The digest of the content that the signed attributes name, or nothing."""
    for attribute in _elements(attributes.value):
        kind, values = list(_elements(attribute.value))[:2]
        if kind.value == _MESSAGE_DIGEST:
            return bytes(next(_elements(values.value)).value)
    return b""


def _certificates(part: _Element) -> Iterator[x509.Certificate]:
    for _, one in zip(range(_MOST_CERTIFICATES), _elements(part.value), strict=False):
        if one.tag == _SEQUENCE:
            yield x509.load_der_x509_certificate(bytes(one.whole))


def _is_meant(certificate: x509.Certificate, identifier: _Element) -> bool:
    """Whether a signer's identifier names that certificate: by issuer and serial number, or by its key's own name."""
    if identifier.tag == _SEQUENCE:
        issuer, serial = list(_elements(identifier.value))[:2]
        number = int.from_bytes(serial.value, signed=True)
        return number == certificate.serial_number and issuer.whole == certificate.issuer.public_bytes()
    named = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value
    return isinstance(named, x509.SubjectKeyIdentifier) and named.digest == identifier.value


def _addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    found = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)]
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found += names.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        pass
    return tuple(dict.fromkeys(one.lower() for one in found))


def _signed_data(der: bytes) -> list[_Element]:
    """What a SignedData consists of; ValueError where it is none."""
    info = list(_elements(next(_elements(memoryview(der))).value))
    if len(info) < 2 or info[0].tag != _OBJECT_ID or info[0].value != _SIGNED_DATA:
        raise ValueError("no SignedData")
    return list(_elements(next(_elements(info[1].value)).value))


def _object_id(algorithm: _Element) -> bytes:
    return bytes(next(_elements(algorithm.value)).value)


def _octets(one: _Element, *, depth: int) -> bytes:
    """An octet string, of one piece or of several."""
    if not one.tag & _CONSTRUCTED:
        return bytes(one.value)
    if depth == _DEEPEST:
        raise ValueError("nested too deep")
    return b"".join(_octets(piece, depth=depth + 1) for piece in _elements(one.value))


def _elements(data: memoryview) -> Iterator[_Element]:
    """Each element of a constructed value."""
    at = 0
    while at < len(data) and data[at]:
        tag, after, value = _value(data, at)
        yield _Element(tag, value, data[at:after])
        at = after


def _value(data: memoryview, at: int, depth: int = 0) -> tuple[int, int, memoryview]:
    """The tag of the element at `at`, where the next one begins, and the value; raises where it is cut off."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length == 0x80:
        end = _end(data, start, depth)
        return tag, end + 2, data[start:end]
    if length > 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[start : start + count])
        start += count
    if start + length > len(data):
        raise ValueError("cut off")
    return tag, start + length, data[start : start + length]


def _end(data: memoryview, at: int, depth: int) -> int:
    """Where the two zero bytes stand that end a value of indefinite length."""
    if depth == _DEEPEST:
        raise ValueError("nested too deep")
    while data[at] or data[at + 1]:
        _, at, _ = _value(data, at, depth + 1)
    return at
