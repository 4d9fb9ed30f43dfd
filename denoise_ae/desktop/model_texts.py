"""What the models are for, in the user's language."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from denoise_ae.modelfiles.card import ModelCard


def describe(card: ModelCard) -> str:
    """Return a model's description: translated where it is one of ours, else as its card has it."""
    return QCoreApplication.translate("Models", card.description)


def ours() -> tuple[str, ...]:
    """Return what the cards of our models say; they stand here for the tool that gathers texts to be translated."""
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
