"""The pictures of a video that are no video: a thumbnail for lists, a storyboard for the seek bar, or a waveform."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from libs.media.ffmpeg import Ffmpeg
from libs.media.process import Watch

from .encoder import SMALLEST_NAME, OnSeconds, Source
from .storyboard import Footage, make_storyboard, source_footage, waveform_storyboard
from .thumbnail import make_thumbnail, make_waveform

# A video of this length is looked at a second time, by its key frames, while it is encoded. Of a shorter one the
# smallest rendition is, once it is there.
LONG_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureMaker:
    """
    Makes the pictures of one source.

    Args:
        watch: Returns how one more program is watched.
    """

    source: Source
    ffmpeg: Ffmpeg
    watch: Callable[[], Watch]

    @property
    def may_go_ahead(self) -> bool:
        """Tell whether the storyboard can be made beside the encode."""
        seconds = self.source.facts.duration_seconds
        return self.source.facts.video is not None and seconds is not None and seconds > LONG_SECONDS

    def thumbnail(self, folder: Path, *, on_seconds: OnSeconds) -> bytes:
        """
        Return a JPEG: a frame that is not black, or what the sound looks like.

        Args:
            on_seconds: Told how much of a sound has been heard.

        Raises:
            EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
        """
        if self.source.facts.video is not None:
            return make_thumbnail(self.source, folder=folder, ffmpeg=self.ffmpeg, watch=self.watch())
        return make_waveform(self.source, folder=folder, ffmpeg=self.ffmpeg, watch=self.watch(), on_seconds=on_seconds)

    def storyboard(
        self, folder: Path, *, duration_seconds: float, encoded: Path | None, thumbnail: bytes, on_seconds: OnSeconds
    ) -> dict[str, bytes]:
        """
        Return a storyboard's files by name.

        Args:
            encoded: Where the whole video's smallest rendition may lie.

        Raises:
            EncodeFailed, ProcessStopped: As `Ffmpeg.run` says.
        """
        if self.source.facts.video is None:
            return waveform_storyboard(
                thumbnail, duration_seconds=duration_seconds, folder=folder, ffmpeg=self.ffmpeg, watch=self.watch()
            )
        return make_storyboard(
            self._footage(duration_seconds, encoded=encoded),
            duration_seconds=duration_seconds,
            folder=folder,
            ffmpeg=self.ffmpeg,
            watch=self.watch(),
            on_seconds=on_seconds,
        )

    def _footage(self, duration_seconds: float, *, encoded: Path | None) -> Footage:
        smallest = encoded / SMALLEST_NAME if encoded is not None else None
        if smallest is None or not smallest.exists():
            return source_footage(self.source, duration_seconds=duration_seconds)
        rendition = self.source.plan.encoded[-1]
        return Footage(
            input_arguments=("-i", str(smallest)), stream="0:v:0", width=rendition.width, height=rendition.height
        )
