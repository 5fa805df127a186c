"""Reading audio files: decoding, mono, one sample rate, and noticing files that are cut short.

Samples are float32, mono ``(samples,)``. wav, flac, ogg and mp3 are decoded by libsndfile; channels
are averaged; other rates are resampled by soxr. librosa is imported only where a file needs that.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import numpy as np

from sedcore.errors import SedcoreError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
_BLOCK = 1 << 20  # samples decoded at once, so that channels of a long recording are never all in memory
_UNKNOWN_SIZE = (0, 0xFFFFFFFF)  # written as the size by programs that write wav into a pipe
_UNKNOWN_FRAMES = (1 << 63) - 1  # SF_COUNT_MAX, libsndfile's answer for a flac written into a pipe


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """Contents of a file's header: rate, channels, frames (samples per channel)."""

    sample_rate_hz: int
    channels: int
    frames: int

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate_hz


def audio_info(path: str | Path) -> AudioInfo:
    """Read a file's header. Raises SedcoreError where it is no audio, empty, of unknown length or visibly truncated."""
    import soundfile

    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise SedcoreError(f"{path}: the file is empty (0 bytes); replace it or drop it from the labels")
        with soundfile.SoundFile(path) as file:
            info = AudioInfo(file.samplerate, file.channels, file.frames)
    except OSError as error:
        raise SedcoreError(f"{path}: cannot be read ({error.strerror or error})") from error
    except soundfile.SoundFileError as error:
        raise SedcoreError(
            f"{path}: not readable as audio ({_reason(error)}); re-encode or replace it"
        ) from error
    if info.frames == 0:
        raise SedcoreError(f"{path}: holds no samples; replace it or drop it from the labels")
    if info.frames == _UNKNOWN_FRAMES:
        raise SedcoreError(
            f"{path}: its header does not say how long it is (was it written into a pipe?); re-encode it"
        )
    _check_complete(path)
    return info


def read_audio(path: str | Path, sample_rate_hz: int) -> np.ndarray:
    """Return the whole file as mono float32 (samples,) at `sample_rate_hz`.

    Raises
    ------
    SedcoreError
        The file is not audio, is empty or truncated, or holds samples that are not finite.
    """
    path = Path(path)
    info = audio_info(path)
    samples = _decode(path, info)
    if not np.isfinite(samples).all():
        raise SedcoreError(f"{path}: holds samples that are not finite (NaN or infinite); re-encode it")
    if info.sample_rate_hz != sample_rate_hz:
        import librosa

        samples = librosa.resample(
            samples, orig_sr=info.sample_rate_hz, target_sr=sample_rate_hz, res_type="soxr_hq"
        )
    return np.ascontiguousarray(samples, dtype=np.float32)


def load_audio(path: str | Path, sample_rate_hz: int) -> tuple[np.ndarray, str]:
    """Return samples and a hash of the file's bytes (fingerprints use it because decoders differ between machines)."""
    samples = read_audio(path, sample_rate_hz)
    with open(path, "rb") as file:
        return samples, hashlib.file_digest(file, "sha256").hexdigest()


def _decode(path: Path, info: AudioInfo) -> np.ndarray:
    """Decode to mono at the file's own rate. Raises SedcoreError where fewer samples come than the header promises."""
    import soundfile

    try:
        samples, done = np.empty(info.frames, dtype=np.float32), 0
        with soundfile.SoundFile(path) as file:
            # not SoundFile.blocks: where a file ends early that yields whatever was in memory
            while done < info.frames:
                block = file.read(min(_BLOCK, info.frames - done), dtype="float32", always_2d=True)
                if not len(block):
                    break
                samples[done : done + len(block)] = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
                done += len(block)
    except (soundfile.SoundFileError, OSError, MemoryError) as error:
        raise SedcoreError(
            f"{path}: cannot be decoded ({_reason(error)}); re-encode or replace it"
        ) from error
    if done < info.frames:
        rate = info.sample_rate_hz
        raise SedcoreError(
            f"{path}: truncated, holds {done / rate:.2f} s of the {info.frames / rate:.2f} s that "
            "its header promises; copy it again or replace it"
        )
    return samples


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", "") or error).rstrip(". ")


def _check_complete(path: Path) -> None:
    """Raise SedcoreError where a wav or ogg file is truncated, which libsndfile does not report."""
    with open(path, "rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
            missing = _missing_wav_bytes(file)
            if missing:
                raise SedcoreError(
                    f"{path}: truncated, {missing} bytes of its samples are missing; copy it again"
                )
        elif start[:4] == b"OggS" and not _ogg_is_ended(file):
            raise SedcoreError(
                f"{path}: truncated, the end of its Ogg stream is missing; copy it again or replace it"
            )


def _missing_wav_bytes(file) -> int:
    """Bytes by which the data chunk of an open RIFF file overruns the file, 0 if unknown."""
    size = os.fstat(file.fileno()).st_size
    position = 12
    while position + 8 <= size:
        file.seek(position)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return 0 if length in _UNKNOWN_SIZE else max(0, position + 8 + length - size)
        position += 8 + length + length % 2  # chunks are padded to even lengths
    return 0


def _ogg_is_ended(file) -> bool:
    """Whether the last page of an open Ogg file carries the end-of-stream flag and is whole."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - 2 * 65536))  # a page is at most 65,307 bytes
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return False
    segments = tail[at + 26]
    lengths = tail[at + 27 : at + 27 + segments]
    whole = len(lengths) == segments and len(tail) >= at + 27 + segments + sum(lengths)
    return whole and bool(tail[at + 5] & 4)
