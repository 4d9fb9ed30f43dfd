"""Cards: written, read, and refused where a field makes no sense."""

import json
from dataclasses import asdict

import pytest

from denoise_ae.modelfiles.card import LONGEST_CARD, ModelCard

CARD = ModelCard(
    "photo",
    description="Für Fotos",
    size_multiple=8,
    fixed_size=(28, 28),
    value_range=(-1, 1),
    sigma_range=(0, 55),
    takes_sigma=True,
    latent=64,
    variational=True,
    psnr={"CBSD68, sigma 25": 30.9},
)


def test_a_card_survives_json():
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_a_card_of_a_newer_version_can_be_read():
    text = json.dumps(asdict(CARD) | {"invented_later": [1, 2]})
    assert ModelCard.from_json(text) == CARD


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"channels": 2},
        {"channels": "3"},
        {"channels": True},
        {"size_multiple": 0},
        {"size_multiple": 10**6},
        {"size_multiple": 1.5},
        {"min_size": -1},
        {"receptive_field": 0},
        {"fixed_size": [28]},
        {"fixed_size": [28, 28, 1]},
        {"fixed_size": [28, 0]},
        {"fixed_size": 28},
        {"fixed_size": None},
        {"latent": -1},
        {"latent": 10**6},
        {"latent": True},
        {"latent": "64"},
        {"latent": 0},
        {"variational": 1},
        {"value_range": [1, 0]},
        {"value_range": [0, float("inf")]},
        {"value_range": [0, float("nan")]},
        {"value_range": "01"},
        {"value_range": None},
        {"takes_sigma": 1},
        {"takes_mask": "yes"},
        {"takes_mask": True, "takes_sigma": True},
        {"receptive_field": 10**9},
        {"fixed_size": [28, 10**5]},
        {"value_range": [0, 10**400]},
        {"value_range": [0, True]},
        {"sigma_range": [0, float("nan")]},
        {"sigma_range": [50, 5]},
        {"sigma_range": [0, 5, 10]},
        {"sigma_range": "0 to 5"},
        {"name": ""},
        {"name": "x" * 10**4},
        {"noise": 5},
        {"description": ["a", "b"]},
        {"psnr": [30.9]},
        {"psnr": {"CBSD68": float("nan")}},
        {"psnr": {"CBSD68": "much"}},
        {"versions": {"torch": 2}},
        {"parameters": "many"},
        {"kmac_per_pixel": float("inf")},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_card_that_makes_no_sense_is_refused(changes):
    with pytest.raises(ValueError, match="card"):
        ModelCard.from_json(json.dumps(asdict(CARD) | changes))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"description": "no name"}', "[" * 10**5])
def test_what_is_no_card_is_refused(text):
    with pytest.raises(ValueError):
        ModelCard.from_json(text)


def test_a_card_of_any_length_is_not_read():
    text = json.dumps(asdict(CARD) | {"invented_later": "x" * LONGEST_CARD})
    with pytest.raises(ValueError, match="more than"):
        ModelCard.from_json(text)
