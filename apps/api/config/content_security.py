"""The Content-Security-Policy of the web app."""

from __future__ import annotations

from urllib.parse import urlsplit


def content_security_policy(*, storage_endpoint_url: str | None, region: str, bucket: str) -> str:
    """
    Return the header's value: our own origin, plus what uploads and hls.js need.

    The browser PUTs to storage and fetches segments and thumbnails from it; hls.js plays by Media Source, whose
    object URLs are `blob:`, and runs its transmuxer in a worker made from a blob. Checksums are worked out by
    WebAssembly, which asks for a word of its own; it lets no script in.

    Args:
        storage_endpoint_url: Where presigned URLs point; None is AWS itself.
        region: Of the bucket.
        bucket: AWS puts its name into the host.
    """
    storage = " ".join(_storage_origins(storage_endpoint_url, region, bucket))
    directives = {
        "default-src": "'self'",
        "script-src": "'self' 'wasm-unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self' data:",
        "img-src": f"'self' data: blob: {storage}",
        "media-src": f"'self' blob: {storage}",
        "connect-src": f"'self' {storage}",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _storage_origins(endpoint_url: str | None, region: str, bucket: str) -> list[str]:
    if endpoint_url is not None:
        parts = urlsplit(endpoint_url)
        return [f"{parts.scheme}://{parts.netloc}"]
    return [
        f"https://{bucket}.s3.{region}.amazonaws.com",
        f"https://{bucket}.s3.amazonaws.com",
        f"https://s3.{region}.amazonaws.com",
    ]
