"""Zoom, pan and fit, as pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

HIGHEST_ZOOM = 16.0
"""1600 %."""

STEP = 1.25
"""Factor on the zoom for one notch of the wheel."""


@dataclass
class Viewport:
    """A picture seen through a rectangle. Lengths in device pixels but for the picture's, which are its own.

    Attributes:
        picture: its width and height.
        size: width and height of the rectangle.
        zoom: device pixels per picture pixel.
        centre: x and y of the picture's point in the middle of the rectangle.
        fits: whether the picture is kept as large as the rectangle allows, at most 100 %.
    """

    picture: tuple[int, int] = (1, 1)
    size: tuple[float, float] = (1, 1)
    zoom: float = 1.0
    centre: tuple[float, float] = (0.5, 0.5)
    fits: bool = True

    @property
    def fitting_zoom(self) -> float:
        """The zoom that shows the whole picture, at most 1."""
        return min(1.0, *(max(room, 1) / length for room, length in zip(self.size, self.picture, strict=True)))

    def fit(self) -> None:
        """Show the whole picture."""
        self.fits = True
        self.zoom = self.fitting_zoom
        self.centre = self.picture[0] / 2, self.picture[1] / 2

    def resize(self, width: float, height: float) -> None:
        """Give the rectangle another size."""
        self.size = width, height
        if self.fits:
            self.fit()
        else:
            self._settle()

    def zoom_to(self, zoom: float, at: tuple[float, float] | None = None) -> None:
        """Zoom around a point of the rectangle.

        Args:
            zoom: device pixels per picture pixel; limited to a sensible range.
            at: x and y from the rectangle's corner; None: its middle.
        """
        x, y = at or (self.size[0] / 2, self.size[1] / 2)
        before = self.to_picture(x, y)
        self.zoom = min(max(zoom, min(self.fitting_zoom, 1 / 64)), HIGHEST_ZOOM)
        self.fits = False
        after = self.to_picture(x, y)
        self.centre = self.centre[0] + before[0] - after[0], self.centre[1] + before[1] - after[1]
        self._settle()

    def pan(self, x: float, y: float) -> None:
        """Move the picture."""
        self.fits = False
        self.centre = self.centre[0] - x / self.zoom, self.centre[1] - y / self.zoom
        self._settle()

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Map a point of the rectangle to the picture's x and y."""
        return (
            self.centre[0] + (x - self.size[0] / 2) / self.zoom,
            self.centre[1] + (y - self.size[1] / 2) / self.zoom,
        )

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """Map a point of the picture to the rectangle's x and y."""
        return (
            (x - self.centre[0]) * self.zoom + self.size[0] / 2,
            (y - self.centre[1]) * self.zoom + self.size[1] / 2,
        )

    def seen(self) -> tuple[slice, slice]:
        """Return the visible rows and columns of the picture."""
        left, top = self.to_picture(0, 0)
        right, bottom = self.to_picture(*self.size)
        rows, columns = (
            slice(max(0, int(low)), max(1, min(length, int(high) + 1)))
            for low, high, length in ((top, bottom, self.picture[1]), (left, right, self.picture[0]))
        )
        return rows, columns

    def _settle(self) -> None:
        """Keep the picture in sight: centred if it is smaller than the rectangle, else without a margin."""
        centre = []
        for where, room, length in zip(self.centre, self.size, self.picture, strict=True):
            half = room / 2 / self.zoom
            centre.append(length / 2 if 2 * half >= length else min(max(where, half), length - half))
        self.centre = centre[0], centre[1]
