"""Uploads videos to an Academy Video installation."""

from .api import Api
from .errors import ClientError
from .upload import Outcome, upload_file

__all__ = ["Api", "ClientError", "Outcome", "upload_file"]
