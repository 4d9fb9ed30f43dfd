"""Descriptions of the models in the user's language."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from denoise_ae.modelfiles.card import ModelCard


def describe(card: ModelCard) -> str:
    """Return a model's description, translated if it is one of ours."""
    return QCoreApplication.translate("Models", card.description)


def ours() -> tuple[str, ...]:
    """Return the descriptions in our models' cards, here for the tool that extracts texts to translate."""
    translate = QCoreApplication.translate
    return (
        translate(
            "Models", "Convolutional autoencoder for 28x28 digits, white on black, with a latent code of 64 numbers"
        ),
        translate(
            "Models",
            "Convolutional autoencoder for 28x28 digits, white on black, with skip connections past its 64-number code",
        ),
        translate(
            "Models",
            "Variational autoencoder for 28x28 digits, white on black, with a latent code of 16 numbers to draw new "
            "ones from",
        ),
        translate("Models", "Residual U-Net for photographs, colour and gray, that is told the level of white noise"),
        translate(
            "Models",
            "Residual U-Net for photographs, colour and gray, with camera noise, JPEG or white noise; "
            "estimates the level itself",
        ),
        translate(
            "Models",
            "Smaller residual U-Net for photographs, colour and gray, with camera noise, JPEG or white noise; "
            "estimates the level itself",
        ),
    )
