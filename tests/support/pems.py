"""Public keys in PEM, for implementations that want them so."""

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from interurban_protocol.keys import PrivateKey


def public_pem(key: PrivateKey) -> bytes:
    """The public half in SubjectPublicKeyInfo."""
    public = load_pem_private_key(key.to_pem(), password=None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
