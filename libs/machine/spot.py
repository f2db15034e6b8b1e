"""What the machine's own metadata service says about the machine."""

import http.client
from urllib.parse import urlsplit

TOKEN_TTL_SECONDS = 60
TIMEOUT_SECONDS = 2.0


class MetadataUnavailable(Exception):
    """The metadata service did not answer, or refused us."""


class SpotNotice:
    """
    Asks, by IMDSv2, whether a spot instance is about to be taken back. That is said two minutes before.

    Source:
        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
    """

    def __init__(self, *, base_url: str) -> None:
        address = urlsplit(base_url)
        self._host, self._port = address.hostname or "", address.port or 80

    def is_given(self) -> bool:
        """
        Tell whether the machine will be stopped, hibernated or terminated.

        Raises:
            MetadataUnavailable: Nobody answered; it is not known.
        """
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_SECONDS)}
        status, token = self._ask("PUT", "/latest/api/token", ttl)
        if status != http.client.OK:
            raise MetadataUnavailable(f"the token was refused with {status}")
        status, _body = self._ask(
            "GET", "/latest/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": token.decode("latin-1")}
        )
        if status not in {http.client.OK, http.client.NOT_FOUND}:
            raise MetadataUnavailable(f"the notice was refused with {status}")
        return status == http.client.OK

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(4096)
        except (OSError, http.client.HTTPException) as error:
            raise MetadataUnavailable(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
