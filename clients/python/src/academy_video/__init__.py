"""Uploads videos to an Academy Video installation."""

from .api import Api
from .errors import ClientError, NotPermitted, Refused, Unavailable
from .upload import Announcement, Outcome, upload_file

__all__ = ["Announcement", "Api", "ClientError", "NotPermitted", "Outcome", "Refused", "Unavailable", "upload_file"]
