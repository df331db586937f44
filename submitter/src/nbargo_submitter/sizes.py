"""Amounts as a person reads them: `310 MB`, `10,000 files`."""

from typing import Final

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


def amount(size: int) -> str:
    """Return a number of bytes in the unit that suits it, in powers of 1000 as file browsers show it.

    Args:
        size: Bytes, 0 or more.

    Returns:
        Such as `999 bytes`, `1.0 GB` or `310 MB`: one digit after the point below 10, none above.
    """
    value, unit = float(size), 0
    while unit + 1 < len(_UNITS) and round(value) >= 1000:  # noqa: PLR2004 - the units' step
        value, unit = value / 1000, unit + 1
    digits = 1 if unit and round(value, 1) < 10 else 0  # noqa: PLR2004 - two digits are enough
    return f"{value:.{digits}f} {_UNITS[unit]}"


def files(number: int) -> str:
    """Return a number of files in words."""
    return f"{number:,} file" if number == 1 else f"{number:,} files"
